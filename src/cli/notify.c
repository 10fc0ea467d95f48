/* SPDX-License-Identifier: MIT */
/*
 * Words for the service manager; see notify.h.
 *
 * Called by the control plane alone. All goes through libsystemd, which finds the socket in the
 * environment and does nothing where there is none. That a word could not be said is no reason to serve
 * worse, so results are not looked at.
 */
#include "notify.h"

#include <inttypes.h>
#include <stdint.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "quoit.h"

/* A service manager that does not answer must not keep a server from ending. */
#define FLUSH_US (1000 * 1000)

void notify_ready(const struct quoit *quoit)
{
	const char *address = quoit_address(quoit, 0);

	sd_notifyf(0, "READY=1\nSTATUS=serving %s on %s%s", quoit_root(quoit),
		   address ? address : "no address", quoit_address(quoit, 1) ? " and more" : "");
}

void notify_reloading(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=reloading",
		   (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
}

void notify_stopping(void)
{
	sd_notify(0, "STOPPING=1\nSTATUS=finishing what is under way");
}

void notify_successor(pid_t pid)
{
	sd_notifyf(0, "MAINPID=%ld", (long)pid);
}

void notify_flush(void)
{
	sd_notify_barrier(0, FLUSH_US);
}

unsigned notify_watchdog_ms(void)
{
	uint64_t period_us = 0;

	if (sd_watchdog_enabled(0, &period_us) <= 0)
		return 0;
	return period_us < 1000 ? 1 : (unsigned)(period_us / 1000);
}

void notify_alive(void)
{
	sd_notify(0, "WATCHDOG=1");
}
