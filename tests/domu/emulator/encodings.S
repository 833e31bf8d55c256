/* Every form of instruction that the emulator knows, with a device at RDI and RAM or a device at RSI. Bit 0 of a
 * row's flags: AF is undefined. Others: emulator.c. */
	.section .rodata
	.globl encodings
encodings:

.macro T flags:req, text:vararg
	.pushsection .text.encodings, "ax"
1:	\text
2:	.popsection
	.pushsection .rodata.names, "aMS", @progbits, 1
3:	.string "\text"
	.popsection
	.quad 1b, 3b
	.long 2b - 1b, \flags
.endm

.irp r, %al, %ah, %ax, %eax, %rax, %r9b, %r9w, %r9d, %r9, %sil
	T 0, mov \r, (%rdi)
	T 0, mov (%rdi), \r
.endr
	T 0, movb $0x5a, (%rdi)
	T 0, movw $0x5aa5, 2(%rdi)
	T 0, movl $0x5aa55aa5, 4(%rdi)
	T 0, movq $-3, 8(%rdi)
	T 0, mov %edx, 4(%rdi,%rcx,8)
	T 0, mov %edx, -8(%edi)
	T 0, movnti %rdx, (%rdi)
	T 0, movbe %edx, (%rdi)
	T 0, movbe (%rdi), %r10
	T 0, movbe (%rdi), %dx
.irp i, movzbw, movsbw
	T 0, \i (%rdi), %ax
.endr
.irp i, movzbl, movzwl, movsbl, movswl
	T 0, \i (%rdi), %eax
.endr
.irp i, movzbq, movzwq, movsbq, movswq, movslq
	T 0, \i (%rdi), %r11
.endr
.irp i, add, adc, sub, sbb, cmp
	T 0, \i %dl, (%rdi)
	T 0, \i (%rdi), %dh
	T 0, \i %dx, (%rdi)
	T 0, \i (%rdi), %edx
	T 0, \i %rdx, (%rdi)
	T 0, \i (%rdi), %r12
	T 0, \i\()b $0x7f, (%rdi)
	T 0, \i\()w $-1, (%rdi)
	T 0, \i\()l $0x12345678, (%rdi)
	T 0, \i\()q $-0x12345678, (%rdi)
.endr
.irp i, and, or, xor, test
	T 1, \i %dl, (%rdi)
	T 1, \i %dx, (%rdi)
	T 1, \i %edx, (%rdi)
	T 1, \i %rdx, (%rdi)
	T 1, \i\()b $0x81, (%rdi)
	T 1, \i\()l $0x12345678, (%rdi)
	T 1, \i\()q $-2, (%rdi)
.endr
.irp i, inc, dec, neg, not
	T 0, \i\()b (%rdi)
	T 0, \i\()w (%rdi)
	T 0, \i\()l (%rdi)
	T 0, \i\()q (%rdi)
	T 0, lock \i\()l (%rdi)
.endr
.irp r, %dl, %dh, %dx, %edx, %rdx
	T 0, xchg \r, (%rdi)
	T 0, xadd \r, (%rdi)
	T 0, cmpxchg \r, (%rdi)
	T 0, lock cmpxchg \r, (%rdi)
.endr
	T 0, cmpxchg8b (%rdi)
	T 0, lock cmpxchg8b (%rdi)
	T 0, cmpxchg8b -3(%rdi)
	T 0, fnstcw (%rdi)
	T 0, fnstsw (%rdi)
.irp i, bt, bts, btr, btc
	T 2, \i %r13w, (%rdi)
	T 2, \i %r13d, (%rdi)
	T 2, \i %r13, (%rdi)
	T 2, \i\()l $29, (%rdi)
	T 2, \i\()q $61, (%rdi)
.endr
.irp i, shl, shr, sar, rol, ror, rcl, rcr
.irp s, b, w, l, q
	T 5, \i\s %cl, (%rdi)
	T 1, \i\s $1, (%rdi)
	T 5, \i\s $3, (%rdi)
.endr
	T 5, \i\()l $31, (%rdi)
	T 5, \i\()q $63, (%rdi)
.endr
.irp i, shld, shrd
.irp r, %dx, %edx, %rdx
	T 5, \i %cl, \r, (%rdi)
	T 1, \i $1, \r, (%rdi)
	T 5, \i $7, \r, (%rdi)
.endr
	T 5, \i $61, %rax, (%rdi)
.endr
.irp s, b, w, l, q
	T 16, mul\s (%rdi)
	T 16, imul\s (%rdi)
	T 8, div\s (%rdi)
	T 8, idiv\s (%rdi)
.endr
.irp r, %dx, %edx, %rdx
	T 16, imul (%rdi), \r
	T 16, imul $-7, (%rdi), \r
	T 16, imul $0x1234, (%rdi), \r
	T 64, bsf (%rdi), \r
	T 64, bsr (%rdi), \r
	T 0, cmovl (%rdi), \r
	T 0, cmovna (%rdi), \r
	T 0, cmovp (%rdi), \r
.endr
.irp c, o, no, b, nb, e, ne, na, a, s, ns, p, np, l, nl, ng, g
	T 0, set\c (%rdi)
	T 0, cmov\c (%rdi), %eax
.endr
	T 0, pushq (%rdi)
	T 0, pushw (%rdi)
	T 0, push %rbx
	T 0, push $-7
	T 0, push $0x12345678
	T 0, popq (%rdi)
	T 0, popw (%rdi)
	T 0, popq (%rsp)
	T 0, pop %r12
	T 0, pop %bx
	T 0, enter $0x128, $0
	T 0, clflush (%rdi)
.irp i, movups, movupd, movdqu
	T 0, \i (%rdi), %xmm3
	T 0, \i %xmm11, (%rdi)
.endr
	T 0, lddqu (%rdi), %xmm9
.irp i, movd, movq, movss, movsd
	T 0, \i (%rdi), %xmm2
	T 0, \i %xmm12, (%rdi)
.endr
.irp i, movd, movq
	T 0, \i (%rdi), %mm2
	T 0, \i %mm5, (%rdi)
.endr
	T 0, movntq %mm7, (%rdi)
.irp i, vmovups, vmovupd, vmovdqu
	T 32, \i (%rdi), %xmm3
	T 32, \i (%rdi), %ymm3
	T 32, \i %xmm11, (%rdi)
	T 32, \i %ymm11, (%rdi)
.endr
.irp i, vmovd, vmovq, vmovss, vmovsd
	T 32, \i (%rdi), %xmm2
	T 32, \i %xmm12, (%rdi)
.endr
.irp s, b, w, l, q
	T 0, movs\s
	T 0, rep movs\s
	T 0, stos\s
	T 0, rep stos\s
	T 0, lods\s
	T 0, cmps\s
	T 0, repe cmps\s
	T 0, repne cmps\s
	T 0, scas\s
	T 0, repe scas\s
	T 0, repne scas\s
.endr
	.quad 0
	.section .note.GNU-stack, "", @progbits
