#include "domu/switch.h"

#include "domu/bitmaps.h"
#include "generated/controls.h"
#include "generated/x86.h"
#include "core/host.h"
#include "core/log.h"
#include "vmx/nmi.h"
#include "domu/pages.h"
#include "domu/switch_msrs.h"
#include "vmx/vmx.h"

/* What guests may have of XCR0. SDM: 14.1 */
#define XCR0_KNOWN (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM | XCR0_PKRU)
#define TIMER_CYCLES 2000000u           /* about a millisecond */
#define XSAVE_ALIGNMENT 64              /* SDM: 14.4 */
#define DR7_ENABLED 0xFFu               /* any breakpoint, local or global. SDM: 18.2.4 */
#define CPUID_XSAVE (1u << 26)          /* leaf 1, ECX. SDM: 3.3, CPUID */
#define LEAF_XSAVE 0xDu                 /* SDM: 3.3, CPUID */
#define LEAF_FEATURES 7u
#define LEAF_TSC 0x15u
#define FEATURE_BARRIER (1u << 26)      /* EDX: IA32_PRED_CMD */
#define BARRIER_INDIRECT 1ull           /* SDM: 2.1, IA32_PRED_CMD */
#define MXCSR_MASK_OFFSET 28            /* in an XSAVE area. SDM: 11.6.6 */
#define MXCSR_MASK_DEFAULT 0xFFBFu

u32 domu_features;
static u32 area_size;
static u32 mxcsr_mask;
static bool has_barrier;

u32 domu_timer;

u64 domu_xcr0(void)
{
    return domu_features;
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

static bool areas_alloc(void)
{
    u32 pages = (u32)(round_up(round_up(area_size, XSAVE_ALIGNMENT) + sizeof(struct switched), PAGE_SIZE) / PAGE_SIZE);
    for (u32 i = 0; i < cpu_count; i++) {
        u64 area = page_alloc(pages);
        if (!area)
            return false;
        cpus[i]->dom0_xsave = hv_virt(area);
        cpus[i]->own = hv_virt(area + round_up(area_size, XSAVE_ALIGNMENT));
    }
    return true;
}

static void mxcsr_mask_find(void)
{
    u8 *area = cpus[0]->dom0_xsave;
    xsave(area, XCR0_X87 | XCR0_SSE);
    u32 mask = *(u32 *)(area + MXCSR_MASK_OFFSET);
    mxcsr_mask = mask ? mask : MXCSR_MASK_DEFAULT;
}

/* Without a way to throw away what is cached under a name there are no names. SDM: A.10 */
static void vpid_check(void)
{
    u64 wanted = EPT_INVVPID | EPT_INVVPID_SINGLE;
    if ((host_rdmsr(IA32_VMX_EPT_VPID_CAP) & wanted) != wanted)
        domu_control_word[DOMU_WORD_SECONDARY] &= ~(u64)SECONDARY_ENABLE_VPID;
}

bool domu_init(void)
{
    bool has_xsave = host_cpuid(1, 0).ecx & CPUID_XSAVE;
    if (!has_xsave || !controls_grant(domu_controls, domu_control_word, DOMU_CONTROL_WORDS)) {
        log_line(has_xsave ? "luvalley: this processor cannot run domUs; dom0 runs without"
                           : "luvalley: without XSAVE there are no domUs; dom0 runs without",
                 0, 0);
        return false;
    }
    vpid_check();
    struct regs4 r = host_cpuid(LEAF_XSAVE, 0);
    domu_features = r.eax & XCR0_KNOWN;
    area_size = size_of(domu_features);
    has_barrier = host_cpuid(LEAF_FEATURES, 0).edx & FEATURE_BARRIER;
    domu_timer = TIMER_CYCLES >> (host_rdmsr(IA32_VMX_MISC) & MISC_PREEMPTION_TIMER_SHIFT_MASK);
    switched_msrs_find();
    if (!areas_alloc() || !msr_bitmaps_init())
        return false;
    mxcsr_mask_find();
    return true;
}

#define SWAP_REGISTER(name, leave, enter)                              \
    do {                                                               \
        asm volatile("mov %%" name ", %0" : "=r"(leave));              \
        if (leave != enter)                                            \
            asm volatile("mov %0, %%" name : : "r"(enter) : "memory"); \
    } while (0)

static void debug_switch(struct switched *leave, const struct switched *enter)
{
    SWAP_REGISTER("db0", leave->dr[0], enter->dr[0]);
    SWAP_REGISTER("db1", leave->dr[1], enter->dr[1]);
    SWAP_REGISTER("db2", leave->dr[2], enter->dr[2]);
    SWAP_REGISTER("db3", leave->dr[3], enter->dr[3]);
    SWAP_REGISTER("db6", leave->dr6, enter->dr6);
}

void debug_update(struct vcpu *vcpu)
{
    vcpu->breakpoints = guest_dr7() & DR7_ENABLED;
}

void debug_load_dom0(struct cpu *cpu, struct vcpu *vcpu)
{
    debug_switch(&vcpu->state, cpu->own);
    debug_update(vcpu);
    vcpu->debug_loaded = false;
}

void debug_load_guest(struct cpu *cpu)
{
    struct vcpu *vcpu = cpu->vcpu;
    if (vcpu->debug_loaded)
        return;
    vcpu->debug_loaded = true;
    debug_switch(cpu->own, &vcpu->state);
    vmwrite(VMCS_PRIMARY_CONTROLS, vmread(VMCS_PRIMARY_CONTROLS) & ~(u64)PRIMARY_MOV_DR_EXITING);
    vcpu->requests = REQUESTS_NONE;         /* the next run begins with the control set again */
}

void predictor_barrier(struct cpu *cpu, const struct vcpu *vcpu)
{
    cpu->last_vcpu = vcpu->handle;
    if (has_barrier)
        host_wrmsr(IA32_PRED_CMD, BARRIER_INDIRECT);
}
