// SPDX-License-Identifier: GPL-2.0-only
/* Parts 2 and 3: vhost-net as it comes with the kernel, bound to a channel. */
#include "demo.h"

#include "lib/net_frame.h"
#include "lib/net_queue.h"
#include "lib/vhost_net.h"
#include "lib/wait.h"

#define TEXT		"Sent by vhost-net from a virtqueue, while the VMM slept."
#define MISSED_TEXT	"Sent from memory that vhost-net had to ask for."
#define MORE_FRAMES	1000
#define MORE_AT_ONCE	20

/* How many times the worker's thread has gone to sleep, or -1 */
static long naps(const char *worker)
{
	char path[320], line[128];
	long count = -1;
	FILE *file;

	snprintf(path, sizeof(path), "%s/status", worker);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "voluntary_ctxt_switches: %ld", &count) == 1)
			break;
	if (file)
		fclose(file);
	return count;
}

/* The thread signals before it sleeps again, so this waits a moment. */
static long naps_after(const char *worker, long before)
{
	long after = naps(worker);

	for (int i = 0; after == before && i < DEMO_WAIT_MS; i++) {
		usleep(1000);
		after = naps(worker);
	}
	return after;
}

static void print_bytes(const uint8_t *bytes, size_t count)
{
	for (size_t at = 0; at < count; at += 16) {
		size_t line = count - at < 16 ? count - at : 16;

		printf("     %04zx ", at);
		for (size_t i = 0; i < 16; i++) {
			if (i < line)
				printf(" %02x", bytes[at + i]);
			else
				printf("   ");
		}
		printf("  ");
		for (size_t i = 0; i < line; i++)
			putchar(bytes[at + i] >= ' ' && bytes[at + i] < 0x7f ?
				bytes[at + i] : '.');
		putchar('\n');
	}
}

/* Waits for VRING_CALL of the transmit queue. */
static bool interrupted(int channel, struct message *message)
{
	return receive(channel, message, "vhost-net's interrupt") &&
	       check(message->msg.request == VHOST_BACKEND_VRING_CALL &&
		     message->state.index == NET_TX,
		     "request %u for vring %u, not VRING_CALL for vring %u",
		     message->msg.request, message->state.index, NET_TX);
}

static void show_captured(struct vhost_net *net, const struct net_capture *capture,
			  const uint8_t *frame, size_t bytes)
{
	uint8_t got[NET_BUFFER];
	ssize_t n = net_capture(net, capture, got, sizeof(got), DEMO_WAIT_MS);

	if (!check(n >= 0, "no frame came out of the tap: %s", strerror(-n)))
		return;
	printf("  host   captured on %s%s:\n", net->name,
	       capture->skip ? ", without its Ethernet header" : "");
	print_bytes(got, n);
	if (check(n == (ssize_t)(bytes - capture->skip) &&
		  !memcmp(got, frame + capture->skip, n),
		  "that is not the frame that the guest sent"))
		puts("         the same bytes as the guest put into its buffer");
}

/* One frame, step by step. */
static bool show_frame(struct vhost_net *net, int channel, const char *worker,
		       const struct net_capture *capture)
{
	struct net_queue *q = &net->queue[NET_TX];
	size_t bytes = NET_PAYLOAD + strlen(TEXT);
	uint8_t frame[NET_BUFFER];
	struct message message;
	long before = naps(worker), after;
	int id, used;

	net_headers(net, frame, bytes);
	memcpy(frame + NET_PAYLOAD, TEXT, strlen(TEXT));
	id = net_transmit(net, frame, bytes);
	check(id >= 0 && net_used_index(q) == 0 && !readable(channel, 0),
	      "something came before anything was sent");
	printf("  guest  wrote a frame of %zu bytes, pointed descriptor %d to it, and kicked\n",
	       bytes, id);
	net_kick(q);
	if (!interrupted(channel, &message))
		return false;
	printf("  VMM    read from the channel: ");
	message_print(stdout, &message);
	printf("\n         and would now interrupt the guest\n");
	used = net_reap(q, NULL);
	if (!check(used == id && net_used_index(q) == 1,
		   "the used ring says index %u, descriptor %d", net_used_index(q), used))
		return false;
	printf("  guest  finds in the used ring: index %u, descriptor %d\n",
	       net_used_index(q), used);
	show_captured(net, capture, frame, bytes);
	after = naps_after(worker, before);
	if (check(before >= 0 && after > before, "the worker's thread did not run"))
		printf("  kernel thread %s woke and slept again: %ld, then %ld context switches;\n"
		       "         it alone signals the eventfd, to which the VMM never wrote\n",
		       strrchr(worker, '/') + 1, before, after);
	return true;
}

/* Many more frames. The used ring is looked at only after a VRING_CALL. */
static bool show_frames(struct vhost_net *net, int channel,
			const struct net_capture *capture)
{
	struct net_queue *q = &net->queue[NET_TX];
	uint8_t frame[NET_BUFFER], got[NET_BUFFER];
	unsigned int sent = 0, used = 0, calls = 0, wrong = 0;
	struct message message;
	int ret;

	while (used < MORE_FRAMES) {
		for (; sent < MORE_FRAMES && sent - used < MORE_AT_ONCE; sent++) {
			net_frame(net, frame, NET_FRAME_MIN + sent, sent);
			net_transmit(net, frame, NET_FRAME_MIN + sent);
		}
		net_kick(q);
		if (!interrupted(channel, &message))
			return false;
		calls++;
		while ((ret = net_reap(q, NULL)) >= 0) {
			size_t bytes = NET_FRAME_MIN + used;
			ssize_t n = net_capture(net, capture, got, sizeof(got),
						DEMO_WAIT_MS);

			net_frame(net, frame, bytes, used++);
			wrong += n != (ssize_t)(bytes - capture->skip) ||
				 memcmp(got, frame + capture->skip, n);
		}
		if (!check(ret == -EAGAIN, "the used ring names what was not sent"))
			return false;
	}
	printf("\n  %u frames more: %u VRING_CALLs, every frame used, seen on the tap, compared\n",
	       used, calls);
	return check(!wrong, "%u of them were wrong", wrong);
}

static bool show_device(struct vhost_net *net, int channel,
			const struct net_capture *capture)
{
	char worker[300], comm[32] = "";
	int err = net_bind(net, channel, 0);

	puts("\n== 2. vhost-net, unmodified ==\n\n"
	     "vhost-net signals an eventfd when it has used buffers. VHOST_BACKEND_BIND turns\n"
	     "each signal into a VRING_CALL on the channel; vhost-net never learns of it.\n"
	     "This program now plays the guest too.\n");
	if (!check(!err, "%s: %s", net->failed, strerror(-err)) ||
	    !check(!net_worker(worker, sizeof(worker)), "there is no thread vhost-%d",
		   getpid()))
		return false;
	snprintf(comm, sizeof(comm), "vhost-%d", getpid());
	printf("  VMM    made the tap %s and a vhost-net for it; its worker is thread %s, \"%s\";\n"
	       "         bound the eventfds of both queues to the channel\n",
	       net->name, strrchr(worker, '/') + 1, comm);
	return show_frame(net, channel, worker, capture) &&
	       show_frames(net, channel, capture);
}

/* Expects a miss of @address, and answers it with a translation. */
static bool answer_miss(struct vhost_net *net, int channel, uint64_t address)
{
	struct message message;
	int err;

	if (!receive(channel, &message, "vhost-net's miss") ||
	    !check(message.msg.request == VHOST_BACKEND_IOTLB_MSG &&
		   message.iotlb.type == VHOST_IOTLB_MISS &&
		   message.iotlb.iova == address,
		   "request %u for 0x%llx, not a miss of 0x%llx", message.msg.request,
		   (unsigned long long)message.iotlb.iova, (unsigned long long)address))
		return false;
	printf("  VMM    read from the channel: ");
	message_print(stdout, &message);
	err = net_translate(net, VHOST_IOTLB_UPDATE, address, NET_BUFFER,
			    message.iotlb.perm);
	printf("\n         gave the device a translation: that is the answer\n");
	return check(!err, "the miss can't be answered: %s", strerror(-err));
}

/* A frame whose buffer has no translation yet */
static bool show_missed_frame(struct vhost_net *net, int channel,
			      const struct net_capture *capture)
{
	struct net_queue *q = &net->queue[NET_TX];
	size_t bytes = NET_PAYLOAD + strlen(MISSED_TEXT);
	uint8_t frame[NET_BUFFER];
	struct message message;
	int id;

	net_headers(net, frame, bytes);
	memcpy(frame + NET_PAYLOAD, MISSED_TEXT, strlen(MISSED_TEXT));
	id = net_transmit(net, frame, bytes);
	printf("  guest  wrote a frame to I/O virtual address 0x%llx, and kicked\n",
	       (unsigned long long)q->vring.desc[id].addr);
	net_kick(q);
	if (!answer_miss(net, channel, q->vring.desc[id].addr) ||
	    !interrupted(channel, &message))
		return false;
	printf("  VMM    read from the channel: ");
	message_print(stdout, &message);
	putchar('\n');
	check(net_reap(q, NULL) == id, "the used ring does not have the frame");
	show_captured(net, capture, frame, bytes);
	return true;
}

static bool show_iotlb(struct vhost_net *net, int channel,
		       const struct net_capture *capture)
{
	int err = net_bind(net, channel, 0);

	if (!err)
		err = channel_bind(channel, VHOST_BACKEND_BIND_IOTLB, 0, net->vhost, 0);
	puts("\n== 3. vhost-net behind an IOMMU ==\n\n"
	     "The same device, now with VIRTIO_F_ACCESS_PLATFORM: it knows only those parts of\n"
	     "the guest's memory that the VMM translates for it. It is bound too, so that its\n"
	     "misses come over the same channel as its interrupts.\n");
	return check(!err, "the device can't be bound: %s", strerror(-err)) &&
	       show_missed_frame(net, channel, capture);
}

/* Calls @show with a device, a capture of its frames, and a channel. */
static bool with_device(enum net_mode mode,
			bool (*show)(struct vhost_net *net, int channel,
				     const struct net_capture *capture))
{
	struct net_capture capture;
	struct vhost_net net;
	int channel, err;
	bool shown;

	err = net_open_mode(&net, 0, mode);
	if (!check(!err, "%s: %s; are tun and vhost_net loaded?", net.failed,
		   strerror(-err)))
		return false;
	err = net_capture_open(&net, &capture);
	channel = channel_open(O_NONBLOCK);
	shown = check(!err, "%s: %s", net.failed, strerror(-err)) &&
		check(channel >= 0, CHANNEL_PATH ": %s", strerror(-channel)) &&
		show(&net, channel, &capture);
	if (!err)
		close(capture.fd);
	if (channel >= 0)
		close(channel);
	net_close(&net);
	return shown;
}

bool show_vhost_net(void)
{
	return with_device(NET_DIRECT, show_device) &&
	       with_device(NET_IOTLB, show_iotlb);
}
