/* State of each processor, shared by the files of this guest. */
#pragma once
#include "kit.h"

#define CPUS 16

enum duty { IDLE, COUNT, SPIN_CPUID, HALT_DEAF, HALT_OPEN, OPEN_CPUID, WRITE_HIDDEN, RUN_TIMER, STORM };

struct processor {
    volatile u32 arrivals, duty, counter, wrong, nmis, nmi_depth, nmi_deepest, ipis, timers, signature;
};
extern struct processor processors[CPUS];

u32 my_index(void);                     /* by the stack */
struct processor *me(void);
u32 count_others(void);                 /* application processors that have started */
u32 list_others(u32 *ids);
void set_duty(u32 id, enum duty duty);
bool wait_for(volatile u32 *value, u32 wanted, u64 ticks);
bool notice(struct frame *frame);

#define WAIT 40000000ull                /* upper bound in ticks for anything that is waited for */
#define SETTLE 300000ull

extern u32 ids[CPUS], others;           /* the other processors' APIC IDs */
void begin(void);
void restart(const char *what, u32 id, enum duty duty);
