#include <stdio.h>

int main(void)
{
    puts("declic " DECLIC_VERSION);
    return 0;
}
