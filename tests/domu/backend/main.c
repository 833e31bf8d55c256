/* libluvkvm on a fake hypervisor: how it maps guest memory and handles exits. Exit status 0 if all is well. */
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
