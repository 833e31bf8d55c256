/*
 * The cost of a guest's exits to its VMM through /dev/kvm: minimum ticks per round over many batches. A guest in 64-bit mode
 * loops over one instruction; the VMM only calls KVM_RUN again. Run it under `luv run`, or on KVM.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <x86intrin.h>

#define BATCHES 20
#define TURNS 100
#define MEMORY (2u << 20)
#define TABLES 0x1000u
#define CODE 0x8000u
#define DEVICE 0xD0000000u /* no memory there */

/* 100 rounds of CPUID between two exits to the VMM: leaf in ESI. */
static const uint8_t out_loop[] = {0xEE, 0xEB, 0xFD};                        /* out %al, %dx; jmp . - 1 */
static const uint8_t in_loop[] = {0xEC, 0xEB, 0xFD};                         /* in %dx, %al */
static const uint8_t write_loop[] = {0x89, 0x03, 0xEB, 0xFC};                /* mov %eax, (%rbx) */
static const uint8_t read_loop[] = {0x8B, 0x0B, 0xEB, 0xFC};                 /* mov (%rbx), %ecx */
static const uint8_t cpuid_loop[] = {
    0xBF, TURNS, 0, 0, 0, 0x89, 0xF0, 0x31, 0xC9, 0x0F, 0xA2, 0xFF, 0xCF, 0x75, 0xF6, 0xEE, 0xEB, 0xEE,
};

static int vcpu;
static struct kvm_run *run;
static uint8_t *memory;

static void need(int result, const char *what)
{
    if (result >= 0)
        return;
    perror(what);
    exit(1);
}

/* --- The guest: 64-bit mode, the first 4 GiB identity-mapped --- */

static void fill_tables(void)
{
    uint64_t *tables = (uint64_t *)(memory + TABLES);

    tables[0] = (TABLES + 0x1000) | 7;
    for (uint64_t gib = 0; gib < 4; gib++) {
        tables[512 + gib] = (TABLES + 0x2000 + gib * 0x1000) | 7;
        for (uint64_t i = 0; i < 512; i++)
            tables[1024 + gib * 512 + i] = (gib << 30 | i << 21) | 0x87;
    }
}

static void set_mode(void)
{
    struct kvm_segment code = {.limit = ~0u, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1, .selector = 8};
    struct kvm_segment data = {.limit = ~0u, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1, .selector = 16};
    struct kvm_sregs sregs;

    need(ioctl(vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
    sregs.cs = code;
    sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
    sregs.cr0 = 0x80050033;
    sregs.cr3 = TABLES;
    sregs.cr4 = 0x20;
    sregs.efer = 0x500;
    need(ioctl(vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
}

static void set_cpuid(int system)
{
    struct {
        struct kvm_cpuid2 head;
        struct kvm_cpuid_entry2 entries[256];
    } table = {.head.nent = 256};

    need(ioctl(system, KVM_GET_SUPPORTED_CPUID, &table), "KVM_GET_SUPPORTED_CPUID");
    need(ioctl(vcpu, KVM_SET_CPUID2, &table), "KVM_SET_CPUID2");
}

static void create(void)
{
    int system = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm = ioctl(system, KVM_CREATE_VM, 0);
    struct kvm_enable_cap split = {.cap = KVM_CAP_SPLIT_IRQCHIP, .args = {24}};
    struct kvm_userspace_memory_region region = {.memory_size = MEMORY};

    need(system, "/dev/kvm");
    need(vm, "KVM_CREATE_VM");
    memory = mmap(NULL, 2 * MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memory += -(uintptr_t)memory & (MEMORY - 1);
    region.userspace_addr = (uintptr_t)memory;
    fill_tables();
    need(ioctl(vm, KVM_ENABLE_CAP, &split), "KVM_ENABLE_CAP");
    need(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
    vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    need(vcpu, "KVM_CREATE_VCPU");
    run = mmap(NULL, (size_t)ioctl(system, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    set_cpuid(system);
    set_mode();
}

/* --- Measuring --- */

static uint64_t run_batch(int turns, uint32_t reason)
{
    uint64_t start = __rdtsc();

    for (int turn = 0; turn < turns; turn++) {
        if (ioctl(vcpu, KVM_RUN, 0) || run->exit_reason != reason) {
            fprintf(stderr, "the guest exited for reason %u\n", run->exit_reason);
            exit(1);
        }
    }
    return __rdtsc() - start;
}

static uint64_t measure(const uint8_t *code, size_t size, uint32_t reason, uint32_t leaf, int turns)
{
    struct kvm_regs regs = {.rip = CODE, .rflags = 2, .rbx = DEVICE, .rdx = 0x80, .rsi = leaf};
    uint64_t best = UINT64_MAX;

    memcpy(memory + CODE, code, size);
    need(ioctl(vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
    run_batch(2, reason);
    for (int batch = 0; batch < BATCHES; batch++) {
        uint64_t ticks = run_batch(turns, reason);

        best = ticks < best ? ticks : best;
    }
    run->immediate_exit = 1; /* complete the last exit before registers change */
    ioctl(vcpu, KVM_RUN, 0);
    run->immediate_exit = 0;
    return best / (uint64_t)turns;
}

#define MEASURE(code, reason, leaf, turns) measure(code, sizeof(code), reason, leaf, turns)

int main(void)
{
    uint64_t out;

    create();
    out = MEASURE(out_loop, KVM_EXIT_IO, 0, TURNS);
    printf("OUT to user space and back: %" PRIu64 "\n", out);
    printf("IN to user space and back: %" PRIu64 "\n", MEASURE(in_loop, KVM_EXIT_IO, 0, TURNS));
    printf("MMIO write to user space and back: %" PRIu64 "\n", MEASURE(write_loop, KVM_EXIT_MMIO, 0, TURNS));
    printf("MMIO read to user space and back: %" PRIu64 "\n", MEASURE(read_loop, KVM_EXIT_MMIO, 0, TURNS));
    for (uint32_t leaf = 0; leaf < 2; leaf++)
        printf("CPUID(%u) answered by the library: %" PRIu64 "\n", leaf,
               (MEASURE(cpuid_loop, KVM_EXIT_IO, leaf, 1) - out) / TURNS);
    return 0;
}
