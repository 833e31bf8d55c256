/*
 * What the start found out about the machine, copied: the loader's own data may lie where we are going to write. The front for
 * each kind of loader (multiboot/) fills it and calls boot(); what runs after that reads only this.
 */
#pragma once

#include "boot/options.h"

#define RANGES_MAX 96                   /* int15.asm has room for as many */
#define MODULES_MAX 2
#define MODULE_LINE_SIZE 2048
#define CPUS_MAX 64

#define RANGE_USABLE 1
#define RANGE_RESERVED 2
#define RANGE_PERSISTENT 12 /* NVDIMMs of before ACPI 6: Linux never uses it as RAM by itself, and makes devices of it */

/* A range as INT 15h E820 returns it. ACPI: 15.1 */
struct range {
    u64 base, length;
    u32 type;
} __attribute__((packed));

struct module {
    u64 start, end;
    char line[MODULE_LINE_SIZE];
};

/* In what state dom0's first CPU begins. */
enum first_state {
    FIRST_REAL_MODE, /* at the low page's boot stub, as if the BIOS had started it */
};

/* What dom0 begins with. */
enum first_program {
    FIRST_BOOT_RECORD, /* of options.disk */
    FIRST_LINUX, /* modules: a kernel, perhaps its initrd */
};

struct start {
    struct options options;
    enum first_state state;
    enum first_program program;
    u64 rsdp; /* ACPI's root pointer, physical; 0: there is none */
    u64 low_page; /* where the low page goes: below 1 MiB, so that a start-up IPI can name it */
    u32 cpu_count, cpus_left_out; /* the latter are those beyond CPUS_MAX */
    u32 apic_ids[CPUS_MAX]; /* the boot CPU's first */
    u32 range_count, module_count;
    struct range ranges[RANGES_MAX];
    struct module modules[MODULES_MAX];
};

extern struct start start;

/* For fronts. More than there is room for ends the start, or, with a message, leaves the CPU out. */
void start_add_range(const struct range *range);
void start_add_module(u64 begin, u64 end, const char *line);
void start_add_cpu(u32 apic_id);
