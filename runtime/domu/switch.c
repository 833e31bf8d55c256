#include "domu/switch.h"

#include "core/log.h"
#include "core/pages.h"

/* Bits of XCR0 that guests may have. SDM: 14.1 */
#define XCR0_KNOWN (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM | XCR0_PKRU)
#define XSAVE_ALIGNMENT 64              /* SDM: 14.4 */
#define DR7_ENABLED 0xFFu               /* any breakpoint, local or global. SDM: 18.2.4 */
#define BARRIER_INDIRECT 1ull           /* SDM: 2.1, IA32_PRED_CMD */
#define MXCSR_MASK_OFFSET 28            /* in an XSAVE area. SDM: 11.6.6 */
#define MXCSR_MASK_DEFAULT 0xFFBFu

u32 domu_features;
static u32 area_size;
static u32 mxcsr_mask;
static bool has_barrier;

u32 domu_xsave_size(void)
{
    return area_size;
}

/* 0 where CPUID does not say. SDM: 3.3, CPUID; 19.7.3 */
u32 domu_tsc_khz(void)
{
    if (host_cpuid(0, 0).eax < CPUID_LEAF_TSC)
        return 0;
    struct regs4 r = host_cpuid(CPUID_LEAF_TSC, 0);
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
        struct regs4 r = host_cpuid(CPUID_LEAF_XSAVE, i);
        size = r.eax + r.ebx > size ? r.eax + r.ebx : size;
    }
    return size;
}

static bool areas_alloc(void)
{
    u32 pages = (u32)(round_up(round_up(area_size, XSAVE_ALIGNMENT) + sizeof(struct switched_state), PAGE_SIZE) / PAGE_SIZE);
    for (u32 i = 0; i < cpu_count; i++) {
        u64 area = page_alloc(pages);
        if (!area)
            return false;
        cpus[i]->dom0_xsave = hv_virt(area);
        cpus[i]->dom0_state = hv_virt(area + round_up(area_size, XSAVE_ALIGNMENT));
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

bool switch_init(void)
{
    if (!(host_cpuid(1, 0).ecx & CPUID_XSAVE)) {
        log_line("luvalley: without XSAVE there are no domUs; dom0 runs without", 0, 0);
        return false;
    }
    if (!vcpu_controls_init())
        return false;
    domu_features = host_cpuid(CPUID_LEAF_XSAVE, 0).eax & XCR0_KNOWN;
    area_size = size_of(domu_features);
    has_barrier = host_cpuid(CPUID_LEAF_FEATURES, 0).edx & CPUID_SPEC_CTRL;        /* and IA32_PRED_CMD */
    if (!areas_alloc())
        return false;
    mxcsr_mask_find();
    return true;
}

#define SWITCH_REGISTER(name, old, new)                              \
    do {                                                             \
        asm volatile("mov %%" name ", %0" : "=r"(old));              \
        if (old != new)                                              \
            asm volatile("mov %0, %%" name : : "r"(new) : "memory"); \
    } while (0)

static void debug_switch(struct switched_state *old, const struct switched_state *new)
{
    SWITCH_REGISTER("db0", old->dr[0], new->dr[0]);
    SWITCH_REGISTER("db1", old->dr[1], new->dr[1]);
    SWITCH_REGISTER("db2", old->dr[2], new->dr[2]);
    SWITCH_REGISTER("db3", old->dr[3], new->dr[3]);
    SWITCH_REGISTER("db6", old->dr6, new->dr6);
}

void debug_update(struct vcpu *vcpu)
{
    vcpu->breakpoints = guest_dr7() & DR7_ENABLED;
}

void debug_load_dom0(struct cpu *cpu, struct vcpu *vcpu)
{
    debug_switch(&vcpu->state, cpu->dom0_state);
    debug_update(vcpu);
    vcpu->debug_loaded = false;
}

void debug_load_guest(struct cpu *cpu)
{
    struct vcpu *vcpu = cpu->vcpu;
    if (vcpu->debug_loaded)
        return;
    vcpu->debug_loaded = true;
    debug_switch(cpu->dom0_state, &vcpu->state);
    vcpu_pass_dr_access();
    vcpu->requests = REQUESTS_NONE;     /* the next run starts with DR accesses causing exits again */
}

void predictor_barrier(struct cpu *cpu, const struct vcpu *vcpu)
{
    cpu->last_vcpu = vcpu->handle;
    if (has_barrier)
        host_wrmsr(IA32_PRED_CMD, BARRIER_INDIRECT);
}
