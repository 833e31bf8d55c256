"""Links between the book's pages. All are files of one folder, so `page.html#anchor` leads there from anywhere."""

from __future__ import annotations

from codegen.book.markup import code, link, tag, text
from codegen.book.subject import Subject
from codegen.model import ir
from codegen.model.facts import Doc
from codegen.source import NOWHERE, Span

PAGES = {
    "exit": "exits",
    "event": "events",
    "field": "fields",
    "control": "controls",
    "word": "controls",
    "msr": "msrs",
    "feature": "cpuid",
    "vector": "platform",
    "port": "platform",
    "errno": "hypercalls",
    "hypercall": "hypercalls",
    "extern": "runtime",
    "region": "runtime",
    "constant": "runtime",
    "struct": "runtime",
    "capability": "capabilities",
    "state": "state",
    "layout": "layouts",
    "section": "manual",
    "rule": "entry-checks",
}


def anchor(kind: str, name: str) -> str:
    """Where on its page something stands. What shares a page with others of the same names has its kind before it."""
    return f"{kind}-{name}" if kind in ("vector", "port", "errno", "struct", "constant", "region", "word") else name


def target(kind: str, name: str) -> str:
    return f"{PAGES[kind]}.html#{anchor(kind, name)}"


def ref(kind: str, name: str, label: str = "") -> str:
    """A link to a declaration's entry, in code."""
    return link(target(kind, name), code(label or name))


def page_of_source(path: str) -> str:
    """The page that shows a file of the spec."""
    return "source-" + path.removeprefix("spec/").removesuffix(".luv").replace("/", "-")


def place(span: Span) -> str:
    """`file:line`, leading to that line."""
    if span == NOWHERE:
        return ""
    label = f"{span.path.rpartition('/')[2]}:{span.line}"
    return tag("a", label, href=f"{page_of_source(span.path)}.html#L{span.line}", class_="place", title=span.path)


def cite(sections: tuple[str, ...], subject: Subject, brief: bool = False) -> str:
    """Sections of the manual, with their titles."""
    return ", ".join(cite_one(one, subject, brief) for one in sections)


def cite_one(number: str, subject: Subject, brief: bool) -> str:
    title = subject.facts.sections.get(number, "")
    label = f"§{number}" if brief or not title else f"§{number} {text(title)}"
    return tag("a", label, href=f"manual.html#s{number}", title=title, class_="cite")


def say_doc(doc: Doc, subject: Subject, brief: bool = False) -> str:
    """A declaration's comment, and what it cites."""
    cited = cite(doc.sections, subject, brief)
    return " ".join(part for part in (text(doc.summary), tag("span", cited, class_="cites") if cited else "") if part)


def say_condition(condition: ir.Condition, inside: bool = False) -> str:
    """A condition in the spec's words, each name a link."""
    match condition:
        case ir.Always(value):
            return "always" if value else "never"
        case ir.ControlAtom(control):
            return ref("control", control)
        case ir.TableAtom(table):
            return code(table)
        case ir.MsrAtom(msr):
            return f"MSR {ref('msr', msr)}"
        case ir.NotCondition(operand):
            return f"not {say_condition(operand, True)}"
        case ir.AndCondition(operands):
            parts = [one for one in operands if one != ir.Always(True)]
            words = " and ".join(say_condition(one, len(parts) > 1) for one in parts) or "always"
        case ir.OrCondition(operands):
            words = " or ".join(say_condition(one) for one in operands)
    return f"({words})" if inside and isinstance(condition, ir.OrCondition) else words
