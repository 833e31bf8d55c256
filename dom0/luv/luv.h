/* The luv command: what its modules share. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Exit statuses: the command's own, or as a shell has them. */
enum { LUV_FAILED = 1, LUV_USAGE = 2, LUV_NOT_FOUND = 127, LUV_SIGNALLED = 128 };

/* Does Luvalley run this CPU? */
bool is_luvalley_present(void);

/* info(which): as root, else with the token, as those in the group kvm know it; returns 0 or -errno. Needs Luvalley. */
int64_t ask_luvalley(uint32_t which, uint64_t *value);

/* One call as root, by the port that only root may write; become_root once before. Needs Luvalley. */
int64_t call_as_root(uint32_t number, uint64_t first, uint64_t second, uint64_t *value);
bool become_root(void);

/* The same until it is done, within some seconds: for what each call does a part of. `secret` NULL: as root. */
int64_t destroy_domain(const uint64_t secret[2], uint64_t handle);

/* The domain that an argument names: its handle, or its number in `luv list`; 0 and a complaint if there is none. */
uint64_t find_domain(const char *name);

/* Luvalley is present, there are no more arguments than `max`, and this is root: else a complaint and false. */
bool is_ready(const char *command, int count, int max, bool root);

/* Print one sentence on what is wrong; returns LUV_FAILED. */
__attribute__((format(printf, 1, 2))) int complain(const char *format, ...);

/* The commands; arguments begin behind the command's name. */
int run_command(int count, char **arguments);
int open_command(int count, char **arguments);
int close_command(int count, char **arguments);
int print_info(int count, char **arguments);
int print_list(int count, char **arguments);
int print_stat(int count, char **arguments);
int print_log(int count, char **arguments);
int destroy_command(int count, char **arguments);
