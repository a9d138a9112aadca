// SPDX-License-Identifier: GPL-2.0-only
/*
 * A demonstration of the vhost backend channel: this process plays the VMM, and the
 * kernel's workers send to it. The claims at the end have been checked.
 */
#include <stdarg.h>

#include "demo.h"

#include "lib/wait.h"

static unsigned int checks, failures;

bool check(bool good, const char *format, ...)
{
	va_list args;

	checks++;
	if (good)
		return true;
	failures++;
	fputs("  FAILED: ", stdout);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	return false;
}

bool receive(int channel, struct message *message, const char *what)
{
	ssize_t n = -EAGAIN;

	if (readable(channel, DEMO_WAIT_MS))
		n = channel_read(channel, message);
	return check(n == (ssize_t)message_bytes(&message->msg),
		     "no message for %s: %s", what, strerror(n < 0 ? -n : EIO));
}

static void help(void)
{
	puts("usage: vhost-backend-demo\n"
	     "\n"
	     "Shows vhost backend channels at work: all requests that an in-kernel worker can\n"
	     "send, an unmodified vhost-net, and vhost-shmem. Runs as root, with the modules\n"
	     "vhost_backend, vhost_backend_test, vhost_shmem, tun and vhost_net loaded. The exit\n"
	     "status is 0 if all checks passed.");
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1) {
		help();
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("A VMM talks to its vhost devices with ioctls; a vhost-user device also talks back,\n"
	     "over its backend channel. Here are workers inside the kernel that talk back, over\n"
	     CHANNEL_PATH ". This program plays the VMM: the frontend of each channel.");
	if (!show_requests() || !show_vhost_net() || !show_vhost_shmem() ||
	    !show_load())
		check(false, "a part could not be shown");

	puts("\n== In short ==\n");
	if (failures) {
		printf("%u of %u checks FAILED; they are marked above.\n", failures, checks);
		return 1;
	}
	printf("Workers in the kernel sent all thirteen requests, from process, timer and\n"
	       "interrupt context. The frontend read what they had sent, mapped a file that the\n"
	       "kernel had written, and its answers, errors included, reached the worker.\n"
	       "A vhost-net that knows nothing of all this sent frames from a virtqueue to a tap;\n"
	       "each of its interrupts arrived as VRING_CALL, and what the host saw of each frame\n"
	       "was what the guest had sent. For a translation that it lacked, it sent IOTLB_MSG.\n"
	       "The guest of vhost-shmem read a file of the host where it had mapped it, and each\n"
	       "map ended when it was answered. Under load nothing was lost.\n"
	       "%u checks, all passed.\n", checks);
	return 0;
}
