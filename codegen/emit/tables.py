"""A domain's header and tables: control words, memory rules, reset state, switched MSRs, late CPUID masks."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.check.evaluate import setting_of
from codegen.emit.c import expression, write_field, write_state
from codegen.emit.cpuid import make_cpuid
from codegen.emit.files import Output, header_comment, render
from codegen.model.choices import Domain, MemoryRule, Model
from codegen.model.facts import ControlWord
from codegen.model.ir import ALWAYS


@dataclass(frozen=True)
class WordView:
    """A control word's choices as masks."""

    name: str
    field: str
    msr: str
    true_msr: str
    allowed1_only: bool
    on: str
    prefer: str
    switched: str
    default1: str


def used_words(model: Model, domain: Domain) -> list[ControlWord]:
    """Return the words that the domain sets, and those that VM entry always reads."""
    set_words = {setting.control.split(".")[0] for setting in domain.settings.values()}
    needs = model.facts.word_needs
    return [word for word in model.facts.words.values() if word.name in set_words or needs[word.name] == ALWAYS]


def make_word(word: ControlWord, model: Model, domain: Domain) -> WordView:
    """Return the masks of one word."""
    def mask(value: str) -> str:
        bits = [one for one in word.controls if setting_of(domain, one.path) == value]
        return " | ".join(f"{word.name}_{one.name}".upper() for one in bits) or "0"

    return WordView(
        word.name, model.facts.vmcs[word.field].constant, word.msr or "0", word.true_msr or "0", word.allowed1_only,
        mask("on"), mask("prefer"), mask("switched"), f"{word.default1:#x}",
    )


def make_tables(model: Model, domain: Domain) -> list[Output]:
    """Generate the domain's header and its tables."""
    words = [make_word(word, model, domain) for word in used_words(model, domain)]
    vectors = sum(1 << one.number for one in domain.exceptions.trapped)
    processor = model.facts.processor
    view = {
        "name": domain.name, "processor": processor, "under": domain.under, "words": words, "vectors": f"{vectors:#x}",
        "cpuid": make_cpuid(model, domain),
        "owned": {register: f"{mask:#x}" for register, mask in domain.owned.items()},
        "held": {register: f"{mask:#x}" for register, mask in domain.held.items()},
        "swaps": [one.msr for one in domain.switched if one.how == "swap"],
        "memory": [make_memory_rule(rule) for rule in domain.memory],
        "reset": reset_lines(model, domain),
        "fields": [(one.msr.name, model.facts.vmcs[one.msr.switched.guest].constant) for one in domain.switched
                   if one.how == "fields" and one.msr.switched],
        "lists": [one.msr for one in domain.switched if one.how == "list"],
        "doc": domain.doc.summary, "sizes": {name: one.size for name, one in domain.bitmaps.items()},
    }
    sources = f"spec/{domain.name}.luv" + ("" if domain.under else ", spec/memory.luv")
    header = header_comment(sources, f"The domain {domain.name}.")
    tables = header_comment(sources, f"Tables of {domain.name}.")
    return [
        Output(f"{processor}/{domain.name}.h", render("domain.h.j2", first=header, **view)),
        Output(f"{processor}/{domain.name}_tables.c", render("domain.c.j2", first=tables, **view)),
    ]


def make_memory_rule(rule: MemoryRule) -> tuple[str, str, str, str]:
    """Return kind, rights, region and target, as C has them."""
    return (f"MEMORY_{rule.kind}".upper(), rights(rule.rights), f"REGION_{rule.region.name}".upper(), f"{rule.onto:#x}")


def rights(text: str) -> str:
    """Return EPT's bits for `rwx`."""
    names = {"r": "NESTED_READ", "w": "NESTED_WRITE", "x": "NESTED_EXECUTE"}
    return " | ".join(names[letter] for letter in text)


def reset_lines(model: Model, domain: Domain) -> list[str]:
    """Return writes of the reset state: owned bits as they are held, the guest's value in the read shadow."""
    lines = []
    for field, value in domain.reset:
        text = expression(value)
        if field.name in domain.owned:
            register = field.name.upper()
            name = f"{domain.name}_{register}".upper()
            all_on = domain.held[field.name] == domain.owned[field.name]
            held = f"{text} | {name}_HELD" if all_on else f"({text} & ~{name}_OWNED) | {name}_HELD"
            lines.append(write_state(field, held))
            lines.append(write_field(model.facts.vmcs[field.shadow or ""], text))
        else:
            lines.append(write_state(field, text))
    return lines if any("cpu" in line for line in lines) else ["(void)cpu;", *lines]
