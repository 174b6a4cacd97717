/* Reads the dates and times that people write: "March 14, 2016", "14 Mar 2016 10:00 +0100",
 * "Fri Jul 16 01:00:00 2004", "2016-03-14", "16/03/2016", "10:30 pm", and RFC 3339.
 *
 * Unlike Ruby's Time.parse, which this follows, text with anything else in it is no date: "Room 12" must
 * not become the twelfth of the month.
 */
#ifndef DECLIC_CORE_LIQUID_DATE_PARSE_H
#define DECLIC_CORE_LIQUID_DATE_PARSE_H

#include "base/civil.h"

struct parsed_date {
    int64_t local_s; /* the wall time, as if it were UTC */
    uint32_t nanos;
    bool has_offset; /* the text says how far it is from UTC */
    int32_t offset_s;
};

/* What the text leaves out is today's (`today` in the reader's zone): the year, the month, the day, as
 * far as something smaller is given; otherwise the first. ERR_SYNTAX for what is no date. */
WARN_UNUSED enum err date_parse(struct span text, struct civil_date today, struct parsed_date *date);

#endif
