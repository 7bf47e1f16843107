/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LAB_HOLDER_H
#define LAB_HOLDER_H

/**
 * holder_main() - hold memory as requested until the peer closes
 * @fd: a SOCK_SEQPACKET socket; each message is a command, each is answered
 *
 * Commands: "touch SIZE [same]", "free [SIZE]", "redirty", "differ", "busy SIZE",
 * "held". Runs in a process of its own, and never returns.
 */
__attribute__((noreturn)) void holder_main(int fd);

#endif
