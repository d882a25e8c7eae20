#include <stdio.h>

int main(void)
{
    printf("ferry\n");
    return 0;
}
