/* The options of the command line, each with how its value is read, where it goes and what the messages say of it. */
#pragma once

#include "boot/options.h"

enum option_kind {
    OPTION_FLAG,                        /* bool: the whole word is the option */
    OPTION_DISK,                        /* struct boot_disk: `N` or `N,P` */
    OPTION_SIZES,                       /* struct sizes: `SIZE[,SIZE]`, each with K, M or G */
};

struct option {
    const char *name;                   /* what the word begins with */
    enum option_kind kind;
    u32 offset;                         /* of its value in struct options */
    const char *syntax, *wants;
};

static const struct option option_table[] = {
    {"disk=hd", OPTION_DISK, offsetof(struct options, disk), "disk=hdN[,P]", "N of 0 to 9 and P of 1 to 4"},
    {"pool=", OPTION_SIZES, offsetof(struct options, pools), "pool=SIZE[,SIZE]",
     "up to 8 sizes like 512M, 2G or 4096K, each a multiple of 2 MiB"},
    {"apic=watch", OPTION_FLAG, offsetof(struct options, apic_watch), "apic=watch", 0},
    {"log=serial", OPTION_FLAG, offsetof(struct options, log_serial), "log=serial", 0},
};
