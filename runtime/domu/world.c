#include "world.h"

#include "generated/controls.h"
#include "generated/x86.h"
#include "host.h"
#include "log.h"
#include "nmi.h"
#include "pages.h"
#include "swapped.h"
#include "vmx.h"

/* What guests may have of XCR0. SDM: 14.1 */
#define XCR0_KNOWN (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM | XCR0_PKRU)
#define TIMER_CYCLES 2000000u           /* about a millisecond */
#define XSAVE_ALIGNMENT 64              /* SDM: 14.4 */
#define DR7_ENABLED 0xFFu               /* any breakpoint, local or global. SDM: 18.2.4 */
#define LEAF_XSAVE 0xDu                 /* SDM: 3.3, CPUID */
#define LEAF_FEATURES 7u
#define LEAF_TSC 0x15u
#define FEATURE_BARRIER (1u << 26)      /* EDX: IA32_PRED_CMD */
#define BARRIER_INDIRECT 1ull           /* SDM: 2.1, IA32_PRED_CMD */
#define MXCSR_MASK_OFFSET 28            /* in an XSAVE area. SDM: 11.6.6 */
#define MXCSR_MASK_DEFAULT 0xFFBFu

static u32 features;
static u32 area_size;
static u32 mxcsr_mask;
static bool has_barrier;

u32 domu_timer;

u64 domu_xcr0(void)
{
    return features;
}

u32 domu_xsave_size(void)
{
    return area_size;
}

/* Where the processor knows it. SDM: 3.3, CPUID; 19.7.3 */
u32 domu_tsc_khz(void)
{
    if (host_cpuid(0, 0).eax < LEAF_TSC)
        return 0;
    struct regs4 r = host_cpuid(LEAF_TSC, 0);
    return r.eax && r.ecx ? (u32)((u64)r.ecx * r.ebx / r.eax / 1000) : 0;
}

u32 domu_mxcsr_mask(void)
{
    return mxcsr_mask;
}

/* Offset and size of each component in the standard form. SDM: 14.4.3 */
static u32 size_of(u64 components)
{
    u32 size = 576;                     /* legacy region and header. SDM: 14.4.1, 14.4.2 */
    for (u32 i = 2; i < 63; i++) {
        if (!(components >> i & 1))
            continue;
        struct regs4 r = host_cpuid(LEAF_XSAVE, i);
        size = r.eax + r.ebx > size ? r.eax + r.ebx : size;
    }
    return size;
}

static bool areas_take(void)
{
    u32 pages = (u32)(round_up(round_up(area_size, XSAVE_ALIGNMENT) + sizeof(struct switched), PAGE_SIZE) / PAGE_SIZE);
    for (u32 i = 0; i < cpu_count; i++) {
        u64 area = page_take(pages);
        if (!area)
            return false;
        cpus[i]->own_area = hv_virt(area);
        cpus[i]->own = hv_virt(area + round_up(area_size, XSAVE_ALIGNMENT));
    }
    return true;
}

static void area_save(u8 *area, u32 components)
{
    asm volatile("xsave64 (%0)" : : "r"(area), "a"(components), "d"(0) : "memory");
}

static void mxcsr_mask_find(void)
{
    u8 *area = cpus[0]->own_area;
    area_save(area, XCR0_X87 | XCR0_SSE);
    u32 mask = *(u32 *)(area + MXCSR_MASK_OFFSET);
    mxcsr_mask = mask ? mask : MXCSR_MASK_DEFAULT;
}

bool domu_init(void)
{
    if (!controls_grant(domu_controls, domu_control_word, DOMU_CONTROL_WORDS)) {
        log_line("luvalley: this processor cannot run domUs; dom0 runs without", 0, 0);
        return false;
    }
    struct regs4 r = host_cpuid(LEAF_XSAVE, 0);
    features = r.eax & XCR0_KNOWN;
    area_size = size_of(features);
    has_barrier = host_cpuid(LEAF_FEATURES, 0).edx & FEATURE_BARRIER;
    domu_timer = TIMER_CYCLES >> (host_rdmsr(IA32_VMX_MISC) & MISC_PREEMPTION_TIMER_SHIFT_MASK);
    swapped_find();
    if (!areas_take())
        return false;
    mxcsr_mask_find();
    return true;
}

void vmcs_take(struct cpu *cpu, struct vcpu *vcpu)
{
    cpu->vcpu = vcpu;
    vmptrld(vcpu->vmcs);
}

/* Made clear at once: the vCPU may go on elsewhere, and no other CPU need ever be asked for it. SDM: 25.1 */
void vmcs_return(struct cpu *cpu)
{
    vmclear(cpu->vcpu->vmcs);
    vmptrld(hv_phys(cpu_block(cpu)->vmcs));
    cpu->vcpu = 0;
    if (is_owed(cpu))
        nmi_controls(cpu);              /* an NMI from here on opens the window itself */
}

#define SWAP_REGISTER(name, leave, enter) \
    do { \
        asm volatile("mov %%" name ", %0" : "=r"(leave)); \
        if (leave != enter) \
            asm volatile("mov %0, %%" name : : "r"(enter) : "memory"); \
    } while (0)

static void debug_swap(struct switched *leave, const struct switched *enter)
{
    SWAP_REGISTER("db0", leave->dr[0], enter->dr[0]);
    SWAP_REGISTER("db1", leave->dr[1], enter->dr[1]);
    SWAP_REGISTER("db2", leave->dr[2], enter->dr[2]);
    SWAP_REGISTER("db3", leave->dr[3], enter->dr[3]);
    SWAP_REGISTER("db6", leave->dr6, enter->dr6);
}

void debug_note(struct vcpu *vcpu)
{
    vcpu->breakpoints = vmread(VMCS_GUEST_DR7) & DR7_ENABLED;
}

void debug_load(struct cpu *cpu)
{
    struct vcpu *vcpu = cpu->vcpu;
    if (vcpu->debug_loaded)
        return;
    vcpu->debug_loaded = true;
    debug_swap(cpu->own, &vcpu->state);
    vmwrite(VMCS_PRIMARY_CONTROLS, vmread(VMCS_PRIMARY_CONTROLS) & ~(u64)PRIMARY_MOV_DR_EXITING);
    vcpu->wants = ~0ull;                /* the next run begins with the control set again */
}

static u64 xcr0_read(void)
{
    u32 low, high;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (u64)high << 32 | low;
}

static void xcr0_write(u64 value)
{
    asm volatile("xsetbv" : : "c"(0), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static void area_load(const u8 *area)
{
    asm volatile("xrstor64 (%0)" : : "r"(area), "a"(features), "d"(0) : "memory");
}

static void xcr0_change(u64 from, u64 to)
{
    if (unlikely(from != to))
        xcr0_write(to);
}

/* Both with every component on that a guest may have: what it has turned off keeps its value. SDM: 14.7, 14.8 */
static void extended_enter(struct cpu *cpu, const struct vcpu *vcpu)
{
    u64 own = cpu->own->xcr0 = xcr0_read(), all = own | features;
    xcr0_change(own, all);
    area_save(cpu->own_area, features);
    area_load(vcpu->extended);
    xcr0_change(all, vcpu->state.xcr0);
}

/* Its XCR0 is what it was given: XSETBV leaves. */
static void extended_leave(const struct cpu *cpu, const struct vcpu *vcpu)
{
    u64 own = cpu->own->xcr0, all = own | features;
    xcr0_change(vcpu->state.xcr0, all);
    area_save(vcpu->extended, features);
    area_load(cpu->own_area);
    xcr0_change(all, own);
}

/* What one vCPU has taught this CPU's branch predictors is not another's. SDM: 2.1, IA32_PRED_CMD */
static void barrier(struct cpu *cpu, const struct vcpu *vcpu)
{
    if (likely(cpu->last_vcpu == vcpu->handle))
        return;
    cpu->last_vcpu = vcpu->handle;
    if (has_barrier)
        host_wrmsr(IA32_PRED_CMD, BARRIER_INDIRECT);
}

/* CR2 of dom0 is of no use to it in ring 3, where it calls from: a page fault's handler reads it first of all. */
void world_enter_guest(struct cpu *cpu, struct vcpu *vcpu)
{
    barrier(cpu, vcpu);
    swapped_learn(cpu);
    host_write_cr2(vcpu->state.cr2);
    extended_enter(cpu, vcpu);
}

void world_leave_guest(struct cpu *cpu, struct vcpu *vcpu)
{
    vcpu->state.cr2 = host_read_cr2();
    if (unlikely(vcpu->debug_loaded)) {
        debug_swap(&vcpu->state, cpu->own);
        debug_note(vcpu);
        vcpu->debug_loaded = false;
    }
    extended_leave(cpu, vcpu);
}
