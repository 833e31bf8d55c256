/* The run page: what the hypervisor and the library exchange about one vCPU. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define LUV_RUN_OFFSET 0xA00      /* in page 0 of the vCPU's block; bytes 0..0x9FF are struct kvm_run, the library's own */
#define LUV_EXIT_NOW_OFFSET 1     /* kvm_run.immediate_exit, same page: read by the hypervisor last before entry */
#define LUV_STATE_OFFSET 0x4000   /* pages 4..7: what vcpu_get and vcpu_set carry */
#define LUV_STATE_SIZE 0x4000
#define LUV_BLOCK_SIZE 0x8000     /* 8 pages: kvm_run, PIO data, coalesced ring, spare, 4 of state; aligned to its size */

enum luv_finish {
    LUV_FINISH_RESUME = 0,  /* run from rip as it stands */
    LUV_FINISH_ADVANCE = 1, /* step over the instruction of the last exit: rip, STI/MOV SS, TF, width of IP */
    LUV_FINISH_MOVED = 2    /* the library moved rip itself past an instruction: the rest of ADVANCE */
};

enum luv_want { LUV_WANT_WINDOW = 1, LUV_WANT_NMI_WINDOW = 2 };
/* What a guest's CPUID does not have, the flags of vcpu_set's CONTROLS: instructions that are #UD for it; SPEC_CTRL and PRED_CMD. */
enum luv_hide { LUV_HIDE_INVPCID = 1, LUV_HIDE_RDTSCP = 2, LUV_HIDE_XSAVES = 4, LUV_HIDE_SPECULATION = 8, LUV_HIDE_ALL = 15 };
enum luv_io { LUV_IO_SIZE_MINUS_ONE = 7, LUV_IO_IN = 8, LUV_IO_STRING = 16, LUV_IO_REP = 32 };
enum luv_memory {
    LUV_MEMORY_READ = 1,
    LUV_MEMORY_WRITE = 2,
    LUV_MEMORY_FETCH = 4,
    LUV_MEMORY_LINEAR = 8, /* linear is valid and the access was to it, not to a page table on the way */
    LUV_MEMORY_MAPPED = 16 /* the address is mapped, without this right (a write to ROM) */
};

/* Where the guest is, for decoding: filled for memory, string io, hypercall, task switch. */
struct luv_mode {
    uint64_t cr0, cr3, cr4, efer;
    uint64_t es_base, cs_base, ss_base, ds_base, fs_base, gs_base;
    uint32_t es_limit, cs_limit, ss_limit, ds_limit, fs_limit, gs_limit;
    uint32_t es_rights, cs_rights, ss_rights, ds_rights, fs_rights, gs_rights; /* VMCS form; CPL is ss_rights[6:5] */
};

struct luv_run {
    /* 0x000: both ways, the order of struct kvm_regs */
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp, r8, r9, r10, r11, r12, r13, r14, r15, rip, rflags;
    /* 0x090: both ways */
    uint32_t event; /* form of the entry interruption field (31 valid, 10:8 type, 11 error code, 7:0 vector); after an
	                         exit: the event whose delivery the exit broke off, ready to be given again, else 0 */
    uint32_t event_error;
    uint32_t event_length; /* of the instruction, for soft events */
    uint32_t blocking; /* form of the interruptibility field: 0 STI, 1 MOV SS, 3 NMI */
    /* 0x0A0: in; the TPR both ways */
    union {
        struct {
            uint8_t want; /* enum luv_want */
            uint8_t finish; /* enum luv_finish; the hypervisor sets it to RESUME on each exit */
            uint8_t tpr_threshold; /* 0..15; 0: never LUV_EXIT_TPR */
            uint8_t tpr; /* CR8, 0..15 */
        };
        uint32_t requests; /* the same, in one piece */
    };
    uint32_t spare[3];
    /* 0x0B0: out */
    uint32_t exit; /* enum luv_exit, also in RDX */
    uint32_t length; /* of the instruction, 0 where the exit does not know it */
    /* 0x0B8: out, by kind of exit */
    union {
        union {
            /* access: of enum luv_io; address_size 2, 4, 8 and segment 0..5 ES..GS for strings only */
            struct {
                uint8_t access, spare;
                uint16_t port;
                uint8_t address_size, segment;
                uint16_t spare_string;
            };
            uint32_t word; /* access and port in one piece */
        } io;
        struct {
            uint64_t physical, linear;
            uint32_t flags;
            uint32_t spare;
        } memory;
        struct {
            uint32_t info, error;
            uint64_t qualification;
        } exception;
        struct {
            uint64_t qualification;
        } task_switch;
        struct {
            uint32_t reason, rule;
            uint64_t qualification;
        } fail; /* rule: number of the entry rule, its name is in the log */
        uint64_t words[4];
    };
    /* 0x0D8 */
    struct luv_mode mode;
};

_Static_assert(offsetof(struct luv_run, rip) == 0x080, "");
_Static_assert(offsetof(struct luv_run, event) == 0x090, "");
_Static_assert(offsetof(struct luv_run, want) == 0x0A0, "");
_Static_assert(offsetof(struct luv_run, tpr) == 0x0A3, "");
_Static_assert(offsetof(struct luv_run, exit) == 0x0B0, "");
_Static_assert(offsetof(struct luv_run, io) == 0x0B8, "");
_Static_assert(offsetof(struct luv_run, mode) == 0x0D8, "");
_Static_assert(sizeof(struct luv_mode) == 128, "");
_Static_assert(sizeof(struct luv_run) == 0x158, "");
