/* The locale port on ICU (72 and later), with the time zones of the system's tzdata where it is installed
 * (in /usr/share/zoneinfo, or where the environment's TZDIR says, as for the C library).
 *
 * Zones are opened once and kept; an offset is read from the last transition looked at, so most
 * instants cost a comparison. Number and money formatters, date symbols and styles are kept by locale
 * in small tables of fixed size; the oldest is closed when a table is full. Not thread-safe: a port for
 * each thread. Out of memory inside ICU ends the process, as an arena does.
 */
#ifndef DECLIC_ICU_ICU_LOCALE_H
#define DECLIC_ICU_ICU_LOCALE_H

#include "ports/locale.h"

/* Fills *port. Costs some milliseconds the first time (ICU loads its data).
 * ERR_IO when ICU's data cannot be loaded. Give it back with icu_locale_close. */
WARN_UNUSED enum err icu_locale_open(struct locale_port *port);

/* Closes what icu_locale_open made; all zones got from it are gone. A port never opened ({0}) is fine. */
void icu_locale_close(struct locale_port *port);

#endif
