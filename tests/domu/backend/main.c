/* The library on a hypervisor of the test's own: its books of memory, and what it makes of exits. Exit status 0 if all is well. */
#include "fake.h"
#include "tests.h"

int main(void)
{
    start_fake();
    test_running();
    test_memory();
    puts("all is well");
    return 0;
}
