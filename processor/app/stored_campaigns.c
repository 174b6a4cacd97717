#include "app/stored_campaigns.h"

#define ANSWER_MS 10000

static bool find_definition(void *self, struct span id, uint32_t version,
                            struct campaign_definition *definition)
{
    return registry_definition_wait(self, id, version, ANSWER_MS, definition) == ERR_OK;
}

enum err stored_campaigns_open(const struct config *config, const struct kafka_properties *kafka,
                               const struct log *log, struct arena *arena,
                               struct stored_campaigns *campaigns, struct diag *diag)
{
    const struct registry_options options = {
        .properties = kafka, .log = log, .topic = config_topic(config, "campaigns", arena).data};
    *campaigns = (struct stored_campaigns){0};
    enum err error = registry_open(&options, &campaigns->registry, diag);
    if (error != ERR_OK)
        return error;
    const struct definition_source source = {campaigns->registry, find_definition};
    campaigns->definitions = definitions_new(&source, log);
    error = registry_wait(campaigns->registry, registry_ask(campaigns->registry), ANSWER_MS);
    if (error == ERR_OK)
        return ERR_OK;
    char trouble[256];
    registry_trouble(campaigns->registry, trouble, sizeof trouble);
    return diag_set(diag, ERR_UNREACHABLE, 0, 0, "Kafka: %s",
                    trouble[0] != '\0' ? trouble : err_sentence(error));
}

void stored_campaigns_close(struct stored_campaigns *campaigns)
{
    definitions_free(campaigns->definitions);
    registry_close(campaigns->registry);
}
