#include "http/routes.h"

const struct http_route http_routes[] = {
    {"GET", "/livez", http_livez},
    {"GET", "/readyz", http_readyz},
    {"GET", "/metrics", http_metrics},
};
const size_t http_route_count = sizeof http_routes / sizeof http_routes[0];
