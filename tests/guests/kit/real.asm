; 16-bit code for probe_real that every guest has.
section .low
bits 16
global bios_call, bios_number
bios_call:
    sti
    db 0xCD
bios_number:
    db 0
    ret
