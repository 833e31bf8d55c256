/* The IDT, the TSS, and the trap handler. */
#include "kit.h"

#define GATE 0x8E
#define USER_GATE 0xEE

extern u8 stubs64[], stubs32[], stubs16[], user_exit[];
extern u8 idt64_pointer[], idt32_pointer[];
extern u64 recover;
void abandon(int vector) __attribute__((noreturn));
void enter_user(void *code, void *argument, u64 *stack);
void enter_user32(void *code, void *argument, u64 *stack);

struct gate idt[256];
static u64 idt32[32];
struct tss tss;
struct frame last;
u64 last_cr2;
bool (*trap_hook)(struct frame *);
static u8 trap_stack[16384] __attribute__((aligned(16)));
static u64 user_stack[1024] __attribute__((aligned(16)));

static void set_gate(u32 vector)
{
    u64 at = (u64)stubs64 + 16 * vector;

    idt[vector] = (struct gate){.low = (u16)at, .selector = CODE64, .middle = (u16)(at >> 16), .type = GATE};
    if (vector == VECTOR_BP || vector == VECTOR_USER_EXIT)
        idt[vector].type = USER_GATE;
}

static void set_tss(void)
{
    u64 base = (u64)&tss;

    tss.rsp[0] = (u64)(trap_stack + sizeof trap_stack);
    gdt[TSS / 8] = (sizeof tss - 1) | (base & 0xFFFFFF) << 16 | 0x89ull << 40 | (base >> 24 & 0xFF) << 56;
    gdt[TSS / 8 + 1] = base >> 32;
    __asm__ volatile("ltr %w0" : : "r"(TSS));
}

static void fill_idt32(void)
{
    for (u32 vector = 0; vector < 32; vector++) {
        u64 at = (u64)stubs32 + 16 * vector;
        idt32[vector] = (at & 0xFFFF) | (u64)CODE32 << 16 | 0x8E00ull << 32 | (at >> 16) << 48;
    }
    *(u16 *)idt32_pointer = sizeof idt32 - 1;
    *(u32 *)(idt32_pointer + 2) = (u32)(u64)idt32;
}

void traps_load(void)
{
    *(u16 *)idt64_pointer = sizeof idt - 1;
    *(u64 *)(idt64_pointer + 2) = (u64)idt;
    __asm__ volatile("lidt (%0)" : : "r"(idt64_pointer));
}

void traps_init(void)
{
    for (u32 vector = 0; vector < 256; vector++)
        set_gate(vector);
    fill_idt32();
    set_tss();
    traps_load();
}

void set_ist(int vector, int index)
{
    idt[vector].ist = (u8)index;
}

void trap(struct frame *frame)
{
    if (trap_hook && trap_hook(frame))
        return;
    last = *frame;
    last_cr2 = read_cr2();
    if (recover)
        abandon((int)frame->vector);
    print("not ok trap: got exception %u error 0x%x rip 0x%x, wanted none\n", frame->vector, frame->error, frame->rip);
    finish();
}

struct user_call {
    void (*enter)(void *code, void *argument, u64 *stack);
    void *code, *argument;
};

static void go_to_user(void *argument)
{
    struct user_call *call = argument;
    u64 *stack = user_stack + 1000;

    *--stack = (u64)user_exit;
    call->enter(call->code, call->argument, stack);
}

static int run_user(struct user_call call)
{
    int vector = attempt(go_to_user, &call);

    return vector == VECTOR_USER_EXIT ? -1 : vector;
}

int attempt_user(void *code, void *argument)
{
    return run_user((struct user_call){enter_user, code, argument});
}

/* `code` ends with INT 80h. */
int attempt_user32(void *code)
{
    return run_user((struct user_call){enter_user32, code, 0});
}

u64 outcome(int vector)
{
    return vector < 0 ? ~0ull : (u64)vector << 32 | (last.error & 0xFFFFFFFF);
}

/* Exception vectors of real mode are the BIOS's timer and device interrupts too, so they are hooked only during a probe. */
void probe_real(const void *function)
{
    volatile u32 *vectors = 0;
    u32 kept[32];

    __asm__("" : "+r"(vectors));    /* address 0 is memory here */
    for (u32 i = 0; i < 32; i++) {
        kept[i] = vectors[i];
        vectors[i] = (u32)(u64)stubs16 + 8 * i;
    }
    real_run((u32)(u64)function);
    for (u32 i = 0; i < 32; i++)
        vectors[i] = kept[i];
}

void probe_flat32(const void *function)
{
    flat32_run((u32)(u64)function);
}
