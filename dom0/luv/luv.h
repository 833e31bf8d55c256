/* The luv command: what its modules share. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Exit statuses: the command's own, or as a shell has them. */
enum { LUV_FAILED = 1, LUV_USAGE = 2, LUV_NOT_FOUND = 127, LUV_SIGNALLED = 128 };

/* Is Luvalley beneath this CPU? */
bool is_beneath(void);

/* One VMCALL; returns 0 or -errno. Without Luvalley it is an invalid instruction. */
int64_t call_luvalley(uint32_t number, uint64_t first, uint64_t second, uint64_t *value);

/* Print one sentence on what is wrong; returns LUV_FAILED. */
__attribute__((format(printf, 1, 2))) int complain(const char *format, ...);

/* The commands; arguments begin behind the command's name. */
int run_command(int count, char **arguments);
int print_info(int count, char **arguments);
