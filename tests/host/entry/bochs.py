"""The capabilities of corei7_skylake_x in Bochs 3.0; test_entries.py compares them with what the booted guest reads."""

from __future__ import annotations

from collections.abc import Mapping

from tests.lib.entry_rules import Processor

SKYLAKE = Processor(40, 48, {
    "IA32_VMX_BASIC": 0xD810000000002B, "IA32_VMX_MISC": 0x600401E0, "IA32_EFER": 0x500,
    "IA32_VMX_CR0_FIXED0": 0x80000021, "IA32_VMX_CR0_FIXED1": 0xFFFFFFFF,
    "IA32_VMX_CR4_FIXED0": 0x2000, "IA32_VMX_CR4_FIXED1": 0x3727FF,
    "IA32_VMX_PINBASED_CTLS": 0xFF00000016, "IA32_VMX_TRUE_PINBASED_CTLS": 0xFF00000016,
    "IA32_VMX_PROCBASED_CTLS": 0xFFF9FFFE0401E172, "IA32_VMX_TRUE_PROCBASED_CTLS": 0xFFF9FFFE04006172,
    "IA32_VMX_PROCBASED_CTLS2": 0x2577FFF00000000,
    "IA32_VMX_EXIT_CTLS": 0x407FFFFF00036DFF, "IA32_VMX_TRUE_EXIT_CTLS": 0x407FFFFF00036DFB,
    "IA32_VMX_ENTRY_CTLS": 0xFFFF000011FF, "IA32_VMX_TRUE_ENTRY_CTLS": 0xFFFF000011FB,
    "IA32_VMX_EPT_VPID_CAP": 0xF0106734141, "IA32_VMX_VMFUNC": 1,
}, frozenset())

# Rules that Bochs 3.0 does not check as the SDM has them: what it does instead, and the section that it violates.
OWN: dict[str, tuple[str, str]] = {
    "not_to_smm": ("exit 33", "checked with the guest state, though it is a control. SDM: 27.2.1.3"),
    "guest_debugctl": ("enters", "IA32_DEBUGCTL is not checked. SDM: 27.3.1.1"),
    "guest_perf_global_ctrl": ("enters", "the model has no performance counters. SDM: 27.3.1.1"),
    "host_perf_global_ctrl": ("enters", "the model has no performance counters. SDM: 27.2.2"),
    "rip_long": ("enters", "RIP[63:32] is checked outside 64-bit mode only. SDM: 27.3.1.4"),
    "activity_hlt_event": ("enters", "any event may be injected in the HLT state. SDM: 27.3.1.5"),
    "blocking_nmi": ("enters", "virtual NMIs are not checked when an NMI is injected. SDM: 27.3.1.5"),
    "pending_step": ("enters", "pending debug exceptions for a single step are not checked. SDM: 27.3.1.5"),
    "pending_no_step": ("enters", "pending debug exceptions for a single step are not checked. SDM: 27.3.1.5"),
}

# Rules that Bochs checks only with "use TPR shadow" on. SDM: 27.2.1.1
WITH_TPR_SHADOW = ("posted_needs_delivery", "posted_vector", "posted_descriptor_aligned", "posted_descriptor_fits")
TPR_SHADOW = 21  # bit of the primary controls

# Bochs ends with a panic, "unsupported event injection type 7", instead of VM-instruction error 7. SDM: 27.2.1.3
PANIC_TYPE = 7


def find_omitted(fields: Mapping[str, int]) -> str:
    """Return the check that this state may fail and that is no rule of the spec: of memory, or of some processors."""
    event = fields.get("vm_entry_interruption_info", 0)
    pae = fields.get("guest_cr0", 0) >> 31 & 1 and fields.get("guest_cr4", 0) >> 5 & 1
    ept = fields.get("primary_controls", 0) >> 31 & 1 and fields.get("secondary_controls", 0) >> 1 & 1
    if fields.get("vmcs_link_pointer", 0) != (1 << 64) - 1:
        return "link_revision"
    if pae and not ept and not fields.get("vm_entry_controls", 0) >> 9 & 1:
        return "pdptes_in_memory"
    if event >> 31 and event >> 8 & 7 == 2 and fields.get("guest_interruptibility_state", 0) & 1:
        return "blocking_sti_nmi"
    return ""


def is_skipped(rule: str, fields: Mapping[str, int]) -> bool:
    """Return true if Bochs does not check this rule in this state."""
    return rule in WITH_TPR_SHADOW and not fields.get("primary_controls", 0) >> TPR_SHADOW & 1


def injects_other(fields: Mapping[str, int]) -> bool:
    """Return true if the state injects an event of the type for which Bochs panics."""
    event = fields.get("vm_entry_interruption_info", 0)
    return bool(event >> 31) and event >> 8 & 7 == PANIC_TYPE
