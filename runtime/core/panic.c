#include "core/panic.h"

#include "core/apic.h"
#include "core/cpu.h"
#include "core/host.h"
#include "core/log.h"

volatile bool panicking;

static void say(const char *text)
{
    panic_print(text, 0, 0);
}

/* INIT is the one signal that no guest can hold back; its exit sees panicking. */
static void others_halt(const struct cpu *sender)
{
    for (u32 i = 0; i < cpu_count; i++)
        if (cpus && cpus[i] && cpus[i] != sender)
            apic_send(cpus[i]->apic_id, APIC_SEND(INIT));
}

static __attribute__((noreturn)) void end(const char *error, const char *why, u64 a, u64 b)
{
    say("luvalley: error[");
    say(error);
    say("]: ");
    panic_print(why, a, b);
    say("\n");
    host_halt();
}

void boot_stop(const char *error, const char *why)
{
    end(error, why, 0, 0);
}

void panic_at(struct cpu *cpu, const char *why, u64 a, u64 b)
{
    static struct cpu *first;
    if (__atomic_exchange_n(&panicking, true, __ATOMIC_SEQ_CST)) {
        if (cpu && cpu == first)
            end("stopped", why, a, b);  /* while it prints its dump */
        host_halt();
    }
    first = cpu;
    if (cpu && cpu->guest_mode) {
        others_halt(cpu);
        exit_dump(cpu);
        panic_print("cpu %\n", cpu->index, 0);
    }
    end("stopped", why, a, b);
}

void panic(struct cpu *cpu, const char *why)
{
    panic_at(cpu, why, 0, 0);
}

/* By the reset control register, the keyboard controller, or a triple fault: one of them works. */
void machine_reset(const char *why)
{
    struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) nothing = {0, 0};
    log_line(why, 0, 0);
    host_out8(PORT_RESET_CONTROL, 2);
    host_out8(PORT_RESET_CONTROL, 6);
    host_out8(PORT_KEYBOARD_COMMAND, 0xFE);
    asm volatile("lidt %0; int3" : : "m"(nothing));
    host_halt();
}
