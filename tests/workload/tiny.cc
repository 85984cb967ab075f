// SPDX-License-Identifier: Apache-2.0
// The smallest process there is: exits with its number of arguments, without a C library, so that
// a storm of it measures exec and not the dynamic loader. On entry the stack pointer shows argc;
// only assembly can read it before a compiler has moved the stack.
#if defined(__x86_64__)
asm(".globl _start\n"
    "_start:\n"
    "  movl (%rsp), %edi\n"
    "  decl %edi\n"
    "  movl $231, %eax\n"  // exit_group
    "  syscall\n");
#elif defined(__aarch64__)
asm(".globl _start\n"
    "_start:\n"
    "  ldr x0, [sp]\n"
    "  sub x0, x0, #1\n"
    "  mov x8, #94\n"  // exit_group
    "  svc #0\n");
#else
#error "write exit_group(argc - 1) for this architecture here"
#endif
