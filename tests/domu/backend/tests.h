/* The library's tests below its ioctls. */
#pragma once

void test_memory(void);
void test_running(void);
