"""What a domain's tables do with one MSR or port in one direction."""

from __future__ import annotations

from codegen.model.choices import Action, Domain, IoRule, MsrRule


def msr_action(number: int, direction: str, domain: Domain) -> tuple[Action, MsrRule | None]:
    """The action, and the rule behind it; without one it is the default's."""
    policy = domain.msr
    rules, default = (policy.read, policy.default_read) if direction == "read" else (policy.write, policy.default_write)
    rule = next((one for one in rules if one.first <= number <= one.last), None)
    return (rule.action if rule else default), rule


def io_action(port: int, direction: str, domain: Domain) -> tuple[Action, IoRule | None]:
    """The same for a port."""
    policy = domain.io
    rule = next((one for one in policy.rules if one.port.first <= port <= one.port.last), None)
    if rule:
        return (rule.read if direction == "read" else rule.write), rule
    return (policy.default_read if direction == "read" else policy.default_write), None
