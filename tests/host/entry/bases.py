"""Valid VMCS states, one for each mode, that tests change in order to violate a rule."""

from __future__ import annotations

from codegen.model.facts import Facts
from tests.lib.entry_rules import Processor

NO_LINK = (1 << 64) - 1
FLAT = 0xFFFFFFFF
CODE_64, CODE_32, CODE_REAL, DATA, DATA_REAL = 0xA09B, 0xC09B, 0x9B, 0xC093, 0x93
LDT_UNUSABLE, TSS_BUSY, TSS_BUSY_16 = 0x10000, 0x8B, 0x83
PAT = 0x0007040600070406
SEGMENTS = ("es", "cs", "ss", "ds", "fs", "gs")
LONG_EFER = 0xD00


def make_able(facts: Facts) -> Processor:
    """Return a processor with every feature in the facts."""
    msrs = {word.msr: make_word(word.default1) for word in facts.words.values() if not word.allowed1_only}
    msrs |= {word.true_msr: 0xFFFFFFFF << 32 for word in facts.words.values() if word.true_msr}
    msrs |= {word.msr: NO_LINK for word in facts.words.values() if word.allowed1_only}
    msrs |= {
        "IA32_VMX_BASIC": 1 << 55 | 1 << 54, "IA32_VMX_MISC": 4 << 16 | 7 << 6 | 1 << 30, "IA32_EFER": LONG_EFER,
        "IA32_VMX_EPT_VPID_CAP": 1 << 23 | 1 << 21 | 1 << 14 | 1 << 8 | 1 << 7 | 1 << 6 | 52 << 48,
        "IA32_VMX_CR0_FIXED0": 0x80000021, "IA32_VMX_CR0_FIXED1": 0xFFFFFFFF,
        "IA32_VMX_CR4_FIXED0": 0x2000, "IA32_VMX_CR4_FIXED1": 0xBFFFFF, "IA32_VMX_VMFUNC": 1,
    }
    return Processor(39, 48, msrs, frozenset({"sgx", "rtm", "bus_lock_detect"}))


def make_plain(facts: Facts) -> Processor:
    """Return a processor without long mode or other features, with VMX structures limited to 4 GiB."""
    able = make_able(facts)
    little = {one.msr: 0xFB06FFFF << 32 | one.default1 for one in facts.words.values() if not one.allowed1_only}
    little |= {one.msr: 0x12 for one in facts.words.values() if one.allowed1_only}
    more = {
        "IA32_VMX_BASIC": 1 << 48, "IA32_VMX_MISC": 4 << 16, "IA32_EFER": 0, "IA32_RTIT_CTL": 1,
        "IA32_VMX_EPT_VPID_CAP": 1 << 14 | 1 << 6, "IA32_VMX_PROCBASED_CTLS": 0xF7FBFFFE << 32 | 0x0401E172,
        "IA32_VMX_PROCBASED_CTLS2": 0x003FFFFF << 32, "IA32_VMX_PINBASED_CTLS": 0x7F << 32 | 0x16,
        "IA32_VMX_EXIT_CTLS": 0xF7FFFFFF << 32 | 0x36DFB, "IA32_VMX_ENTRY_CTLS": 0x3FFFFF << 32 | 0x11FB,
    }
    return Processor(36, 48, {**able.msrs, **little, **more}, frozenset())


def make_plain_bases() -> dict[str, dict[str, int]]:
    """Return the states with a 32-bit host."""
    host = {"vm_exit_controls": 0x3F6DFF, "host_ia32_efer": 0, "host_cr4": 0x2000, "host_rip": 0x100000}
    return {name: {**base, **host} for name, base in make_bases().items() if name != "long"}


def make_word(default1: int) -> int:
    """Return a capability MSR: all bits may be 1, the default1 bits must be."""
    return 0xFFFFFFFF << 32 | default1


def make_host() -> dict[str, int]:
    """Return the fields of a host in 64-bit mode."""
    fields = {f"host_{one}_selector": 0x10 for one in (*SEGMENTS, "tr")}
    return fields | {
        "host_cr0": 0x80000031, "host_cr3": 0x200000, "host_cr4": 0x2020, "host_cs_selector": 8, "host_rip": 0x100000,
        "host_tr_selector": 0x18, "host_ia32_pat": PAT, "host_ia32_efer": 0x500, "host_rsp": 0x180000,
    }


def make_flat(code: int, data: int, limit: int, selector: int) -> dict[str, int]:
    """Return the fields of the segments: all the same, except for the access rights of CS."""
    fields = {f"guest_{one}_access_rights": data for one in SEGMENTS} | {"guest_cs_access_rights": code}
    fields |= {f"guest_{one}_limit": limit for one in SEGMENTS}
    return fields | {f"guest_{one}_selector": selector for one in SEGMENTS}


def make_common() -> dict[str, int]:
    """Return the fields that are the same in all modes."""
    return make_host() | {
        "vmcs_link_pointer": NO_LINK, "guest_rflags": 2, "guest_tr_access_rights": TSS_BUSY, "guest_tr_limit": 0x67,
        "guest_tr_selector": 0x18, "guest_ldtr_access_rights": LDT_UNUSABLE, "guest_gdtr_limit": 0xFFFF,
        "guest_idtr_limit": 0xFFFF, "guest_ia32_pat": PAT, "guest_dr7": 0x400, "guest_rip": 0x100000,
        "pin_based_controls": 0x16, "primary_controls": 0x0401E172,
        "vm_exit_controls": 0x3F6FFF, "vm_entry_controls": 0xD1FF,
    }


def make_bases() -> dict[str, dict[str, int]]:
    """Return the valid states by mode."""
    common = make_common()
    ept = {"primary_controls": 0x8401E172, "secondary_controls": 0x82, "ept_pointer": 0x20001E}
    long = common | make_flat(CODE_64, DATA, FLAT, 0x10) | {
        "vm_entry_controls": 0xD3FF, "guest_cr0": 0x80000031, "guest_cr3": 0x200000, "guest_cr4": 0x2020,
        "guest_ia32_efer": 0x500,
    }
    short = common | make_flat(CODE_32, DATA, FLAT, 0x10) | {
        "guest_cr0": 0x80000031, "guest_cr3": 0x200000, "guest_cr4": 0x2000,
    }
    real = common | ept | make_flat(CODE_REAL, DATA_REAL, 0xFFFF, 0) | {
        "guest_cr0": 0x20, "guest_cr4": 0x2000, "guest_rip": 0x1000,
    }
    old = short | ept | make_flat(0xF3, 0xF3, 0xFFFF, 0) | {"guest_rflags": 0x20002, "guest_rip": 0x1000}
    pae = short | ept | {"guest_cr4": 0x2020, "guest_pdpte0": 0x201001}
    return {"long": long, "real": real, "short": short, "8086": old, "pae": pae}
