/* Exits: what KVM_RUN returns to the VMM, and the guest's state at the next entry. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "fake.h"
#include "tests.h"
#include "api/vm.h"

#define MEMORY 0x200000u
#define DEVICE 0xD0000000u
#define GENERAL_PROTECTION 0x80000B0Du

int vcpu;
static struct kvm_run *run;
uint8_t *memory;
static int vm;
struct luv_run seen;
static uint32_t (*script)(struct luv_run *page);  /* the exit of the first entry; later ones end with HLT */
static uint32_t entries;

static uint32_t follow(uint32_t number, struct luv_run *page)
{
    (void)number;
    seen = *page;
    page->event = 0;
    if (!entries++)
        return script(page);
    page->io.port = 0xF4;
    page->io.access = 0;
    page->length = 2;
    return LUV_EXIT_IO;
}

static void set_regs(uint64_t rax, uint64_t rip, uint64_t rflags)
{
    struct kvm_regs regs = {.rax = rax, .rip = rip, .rflags = rflags, .rdx = 0x3F8, .rbx = DEVICE, .rcx = 5, .rdi = 0x3000};

    CHECK(!ioctl(vcpu, KVM_SET_REGS, &regs));
}

/* Run from START until the script's exit; the last exit's operation is completed first, as KVM requires. */
void start(uint32_t (*what)(struct luv_run *), uint64_t rax, uint64_t rflags)
{
    run->immediate_exit = 1;
    CHECK(ioctl(vcpu, KVM_RUN, 0) && errno == EINTR);
    run->immediate_exit = 0;
    script = what;
    entries = 0;
    set_regs(rax, START, rflags);
    CHECK(!ioctl(vcpu, KVM_RUN, 0));
}

/* Run to the exit that ends every script: `seen` has the guest's registers before it. */
static void go_on(void)
{
    CHECK(!ioctl(vcpu, KVM_RUN, 0));
    CHECK(run->exit_reason == KVM_EXIT_IO && run->io.port == 0xF4);
}

static uint8_t *get_data(void)
{
    return (uint8_t *)run + run->io.data_offset;
}

/* --- Ports --- */

static uint32_t exit_port(struct luv_run *page, uint8_t size, uint8_t flags)
{
    page->io.port = 0x3F8;
    page->io.access = (uint8_t)((size - 1) | flags);
    page->io.address_size = 4;
    page->length = 2;
    page->mode = (struct luv_mode){.cr0 = 1, .cs_rights = 0x409B, .ss_rights = 0x4093};
    return LUV_EXIT_IO;
}

static uint32_t out_word(struct luv_run *page)
{
    return exit_port(page, 2, 0);
}
static uint32_t in_byte(struct luv_run *page)
{
    return exit_port(page, 1, LUV_IO_IN);
}
static uint32_t in_long(struct luv_run *page)
{
    return exit_port(page, 4, LUV_IO_IN);
}
static uint32_t rep_in(struct luv_run *page)
{
    return exit_port(page, 2, LUV_IO_IN | LUV_IO_STRING | LUV_IO_REP);
}

static void test_ports(void)
{
    start(out_word, 0x12345678, 2);
    CHECK(run->exit_reason == KVM_EXIT_IO && run->io.direction == KVM_EXIT_IO_OUT && run->io.size == 2 && run->io.count == 1);
    CHECK(!memcmp(get_data(), "\x78\x56", 2));
    go_on();
    CHECK(seen.rip == START + 2 && seen.rax == 0x12345678);

    start(in_byte, 0xAABBCCDDEEFF1122, 2);
    *get_data() = 0x99;
    go_on();
    CHECK(seen.rax == 0xAABBCCDDEEFF1199 && seen.rip == START + 2);

    start(in_long, ~0ull, 2);
    memcpy(get_data(), "\1\2\3\4", 4);
    go_on();
    CHECK(seen.rax == 0x04030201);
}

/* Five words at once. */
static void test_repeated(void)
{
    start(rep_in, 0, 2);
    CHECK(run->io.count == 5 && run->io.size == 2);
    memcpy(get_data(), "abcdefghij", 10);
    go_on();
    CHECK(!memcmp(memory + 0x3000, "abcdefghij", 10) && seen.rdi == 0x300A && seen.rcx == 0 && seen.rip == START + 2);
}

/* What the library writes for the guest is in the log of written pages too. */
static void test_log_of_own_writes(void)
{
    struct kvm_userspace_memory_region region = {
        .flags = KVM_MEM_LOG_DIRTY_PAGES, .memory_size = MEMORY, .userspace_addr = (uintptr_t)memory};
    uint64_t bits[MEMORY / 4096 / 64];
    struct kvm_dirty_log log = {.dirty_bitmap = bits};

    CHECK(!ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region));
    test_repeated();
    CHECK(!ioctl(vm, KVM_GET_DIRTY_LOG, &log) && bits[0] == 1 << 3);
    CHECK(!ioctl(vm, KVM_GET_DIRTY_LOG, &log) && bits[0] == 0);
    region.flags = 0;
    CHECK(!ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region));
}

/* A reset while the VMM handles an exit: the instruction is not completed. */
static void test_reset(void)
{
    start(in_byte, 0, 2);
    *get_data() = 0x99;
    set_regs(0x55, 0xFFF0, 2);
    go_on();
    CHECK(seen.rip == 0xFFF0 && seen.rax == 0x55);
}

/* With immediate_exit KVM_RUN returns at once, and the registers are those after the instruction. */
static void test_settled(void)
{
    struct kvm_regs regs;

    start(out_word, 0, 2);
    run->immediate_exit = 1;
    CHECK(ioctl(vcpu, KVM_RUN, 0) && errno == EINTR && entries == 1);
    run->immediate_exit = 0;
    CHECK(!ioctl(vcpu, KVM_GET_REGS, &regs) && regs.rip == START + 2);
    go_on();
}

/* --- Memory of devices: 32-bit code without paging --- */

static uint32_t exit_memory(struct luv_run *page, const char *code, uint32_t flags)
{
    memcpy(memory + START, code, 8);
    page->memory.physical = page->memory.linear = DEVICE;
    page->memory.flags = flags | LUV_MEMORY_LINEAR;
    page->length = 0;
    page->mode = (struct luv_mode){.cr0 = 1, .cs_rights = 0x409B, .ss_rights = 0x4093};
    return LUV_EXIT_NESTED_PAGE_FAULT;
}

static uint32_t store(struct luv_run *page)
{
    return exit_memory(page, "\x66\x89\x03\x90\x90\x90\x90", LUV_MEMORY_WRITE);
}
static uint32_t add_to(struct luv_run *page)
{
    return exit_memory(page, "\x01\x03\x90\x90\x90\x90\x90", LUV_MEMORY_READ | LUV_MEMORY_WRITE);
}
static uint32_t strange(struct luv_run *page)
{
    return exit_memory(page, "\x0F\xAE\x03\x90\x90\x90\x90", LUV_MEMORY_WRITE);
}

static void test_devices(void)
{
    start(store, 0xBEEF, 2);
    CHECK(run->exit_reason == KVM_EXIT_MMIO && run->mmio.phys_addr == DEVICE && run->mmio.len == 2 && run->mmio.is_write);
    CHECK(!memcmp(run->mmio.data, "\xEF\xBE", 2));
    go_on();
    CHECK(seen.rip == START + 3);

    start(add_to, 1, 2);
    CHECK(run->exit_reason == KVM_EXIT_MMIO && !run->mmio.is_write && run->mmio.len == 4);
    memcpy(run->mmio.data, "\xFF\xFF\xFF\xFF\x55\x55\x55\x55", 8);
    CHECK(!ioctl(vcpu, KVM_RUN, 0) && run->exit_reason == KVM_EXIT_MMIO && run->mmio.is_write && !run->mmio.data[0]);
    go_on();
    CHECK(seen.rip == START + 2 && (seen.rflags & 0x8D5) == 0x55);

    start(strange, 0, 2);
    CHECK(run->exit_reason == KVM_EXIT_INTERNAL_ERROR && run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION);
}

/* --- The rest --- */

static uint32_t read_nothing(struct luv_run *page)
{
    page->rcx = 0xDEADBEEF;
    page->length = 2;
    return LUV_EXIT_MSR_READ;
}

static uint32_t call(struct luv_run *page)
{
    page->length = 3;
    page->mode.ss_rights = 0x93;
    return LUV_EXIT_VMCALL;
}

/* KVM_HC_SEND_IPI: vector 0x41 to the APICs 0 and 1 of the mask's low word, and 64 of its high word. */
static uint32_t send(struct luv_run *page)
{
    page->mode.efer = 0x400;
    page->mode.cs_rights = 0x209B;
    page->rbx = 3;
    page->rcx = 1;
    page->rdx = 0;
    page->rsi = 0x4041;
    return call(page);
}

static uint32_t call_from_user(struct luv_run *page)
{
    uint32_t kind = send(page);

    page->mode.ss_rights |= 0x60;
    return kind;
}

static uint32_t fail(struct luv_run *page)
{
    page->fail.reason = 33;
    return LUV_EXIT_ENTRY_FAILURE;
}

static uint32_t shut_down(struct luv_run *page)
{
    (void)page;
    return LUV_EXIT_TRIPLE_FAULT;
}

static void test_others(void)
{
    start(read_nothing, 0, 2);
    CHECK(seen.event == GENERAL_PROTECTION && seen.event_error == 0 && seen.rip == START);
    start(call, 77, 2);
    CHECK(seen.rax == (uint32_t)-1000 && seen.rip == START + 3);
    start(call_from_user, 10, 0x202);
    CHECK(seen.rax == (uint64_t)-1 && !seen.event);
    start(send, 10, 0x202);
    CHECK(seen.rax == 1 && seen.event == 0x80000041); /* there is one */
    start(fail, 0, 2);
    CHECK(run->exit_reason == KVM_EXIT_FAIL_ENTRY && run->fail_entry.hardware_entry_failure_reason == 33);
    start(shut_down, 0, 2);
    CHECK(run->exit_reason == KVM_EXIT_SHUTDOWN);
}

static uint32_t open_flag(struct luv_run *page)
{
    page->rflags |= 0x200;
    return LUV_EXIT_INTERRUPT_WINDOW;
}

/* --- Machine check registers: as many banks as the VMM says; controls are all or nothing, a status is only cleared --- */

static struct {
    uint32_t index;
    uint64_t value;
    bool write, refused;
} bank;

static uint32_t touch_bank(struct luv_run *page)
{
    page->rcx = bank.index;
    page->rax = (uint32_t)bank.value;
    page->rdx = bank.value >> 32;
    page->length = 2;
    return bank.write ? LUV_EXIT_MSR_WRITE : LUV_EXIT_MSR_READ;
}

static void test_banks(void)
{
    static const typeof(bank) all[] = {
        {0x400, ~0ull, true, false}, {0x400, 0, false, false}, {0x400, 2, true, true},   {0x401, 1, true, true},
        {0x401, 0, true, false},     {0x402, 2, true, false},  {0x427, 0, false, false}, {0x428, 0, false, true},
        {0x428, 0, true, true},      {0x280, 0, false, true},  {0x17B, 5, true, true},   {0x17B, ~0ull, true, false},
        {0x179, 10, true, true},     {0x17A, 0, true, false},
    };

    CHECK(!ioctl(vcpu, KVM_X86_SETUP_MCE, &(uint64_t){0x10A}));
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
        bank = all[i];
        start(touch_bank, 0, 2);
        CHECK((seen.event == GENERAL_PROTECTION) == bank.refused);
        CHECK(seen.rip == START + (bank.refused ? 0 : 2));
    }
}

/* --- A single step's trap comes before an interrupt, which would drop it --- */

static uint32_t halt(struct luv_run *page)
{
    page->length = 1;
    return LUV_EXIT_HALT;
}

static void test_step(void)
{
    struct kvm_interrupt interrupt = {.irq = 0x21};

    start(out_word, 0, 0x302);
    CHECK(!ioctl(vcpu, KVM_INTERRUPT, &interrupt));
    go_on();
    CHECK(!seen.event && seen.windows & LUV_REQUESTS_INTERRUPT_WINDOW);
    start(out_word, 0, 0x202);
    CHECK(seen.event == 0x80000021);
    start(halt, 0, 0x302); /* KVM_RUN does not wait */
    CHECK(seen.rip == START + 1);
}

/* --- What the guest's CPUID does not have is set in the vCPU's controls --- */

static uint32_t get_hidden(uint32_t features, uint32_t extended, uint32_t xsave, uint32_t speculation)
{
    struct {
        struct kvm_cpuid2 head;
        struct kvm_cpuid_entry2 entries[3];
    } table = {
        .head.nent = 3,
        .entries =
            {
                {.function = 7, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .ebx = features, .edx = speculation},
                {.function = 0x80000001, .edx = extended},
                {.function = 0xD, .index = 1, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .eax = xsave},
            },
    };

    CHECK(!ioctl(vcpu, KVM_SET_CPUID2, &table));
    return (uint32_t)(fake.last_controls[0] >> 32);
}

static void test_hidden(void)
{
    CHECK(get_hidden(0, 0, 0, 0) == LUV_HIDE_ALL);
    CHECK(get_hidden(1 << 10, 0, 0, 0) == LUV_HIDE_ALL - LUV_HIDE_INVPCID);
    CHECK(get_hidden(0, 1 << 27, 0, 0) == LUV_HIDE_ALL - LUV_HIDE_RDTSCP);
    CHECK(get_hidden(0, 0, 1 << 3, 0) == LUV_HIDE_ALL - LUV_HIDE_XSAVES);
    CHECK(get_hidden(0, 0, 0, 1 << 26) == LUV_HIDE_ALL - LUV_HIDE_SPECULATION);
    CHECK(get_hidden(0, 0, 0, 1u << 31) == LUV_HIDE_ALL - LUV_HIDE_SPECULATION);
}

/* --- A vector to a device, and one from it: two accesses of eight bytes --- */

static uint32_t store_vector(struct luv_run *page)
{
    return exit_memory(page, "\x0F\x11\x13\x90\x90\x90\x90", LUV_MEMORY_WRITE);
}
static uint32_t load_vector(struct luv_run *page)
{
    return exit_memory(page, "\x0F\x10\x13\x90\x90\x90\x90", LUV_MEMORY_READ);
}

static void test_vectors(void)
{
    uint8_t *area = fake_state(3), *xmm2 = area + 160 + 2 * 16;

    memset(area, 0, 832);
    area[512] = 3;
    memcpy(xmm2, "abcdefghijklmnop", 16);
    start(store_vector, 0, 2);
    CHECK(run->mmio.is_write && run->mmio.len == 8 && run->mmio.phys_addr == DEVICE && !memcmp(run->mmio.data, "abcdefgh", 8));
    CHECK(!ioctl(vcpu, KVM_RUN, 0) && run->mmio.phys_addr == DEVICE + 8 && !memcmp(run->mmio.data, "ijklmnop", 8));
    go_on();
    CHECK(seen.rip == START + 3);

    start(load_vector, 0, 2);
    memcpy(run->mmio.data, "12345678", 8);
    CHECK(!ioctl(vcpu, KVM_RUN, 0) && !run->mmio.is_write && run->mmio.phys_addr == DEVICE + 8);
    memcpy(run->mmio.data, "90abcdef", 8);
    go_on();
    CHECK(!memcmp(xmm2, "1234567890abcdef", 16));
}

/* The PIC's vector waits for the guest's IF: a window is requested, then it is injected. */
static void test_interrupt(void)
{
    struct kvm_interrupt interrupt = {.irq = 0x21};

    CHECK(!ioctl(vcpu, KVM_INTERRUPT, &interrupt));
    start(open_flag, 0, 2);
    CHECK(seen.event == 0x80000021 && !(seen.windows & LUV_REQUESTS_INTERRUPT_WINDOW));
}

static void switch_on_apic(void)
{
    struct kvm_lapic_state state;

    CHECK(!ioctl(vcpu, KVM_GET_LAPIC, &state));
    state.regs[0xF1] |= 1;
    CHECK(!ioctl(vcpu, KVM_SET_LAPIC, &state));
}

void test_running(void)
{
    struct kvm_enable_cap split = {.cap = KVM_CAP_SPLIT_IRQCHIP, .args = {24}};
    struct kvm_userspace_memory_region region = {.memory_size = MEMORY};

    vm = (int)create_vm(&backend_vmcall);
    fake.guest = follow;
    memory = mmap(NULL, 2 * MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memory += -(uintptr_t)memory & (MEMORY - 1);
    region.userspace_addr = (uintptr_t)memory;
    CHECK(vm >= 0 && !ioctl(vm, KVM_ENABLE_CAP, &split) && !ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region));
    vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    run = mmap(NULL, 0x3000, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    CHECK(vcpu >= 0 && run != MAP_FAILED);
    switch_on_apic();
    test_ports();
    test_repeated();
    test_log_of_own_writes();
    test_reset();
    test_settled();
    test_devices();
    test_others();
    test_interrupt();
    test_banks();
    test_msrs();
    test_step();
    CHECK(!fake.calls[LUV_HYPERCALL_vcpu_get]); /* no exit requests more than the run page has */
    test_vectors();
    test_tasks();
    test_hidden();
    memset(fake.pages, 0, sizeof fake.pages);   /* a new domain for the next test */
}
