/* SPDX-License-Identifier: GPL-2.0-only */
/* What the measurements share: a clock, medians, channels, and an end where one fails. */
#ifndef VHOST_BACKEND_BENCH_H
#define VHOST_BACKEND_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include <linux/vhost_backend.h>

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/* How many requests are sent before they are read */
#define ROW		16
/* How many vrings, or eventfds, are pending before they are read */
#define CALLS		64

/*
 * struct work - a line of the table
 * @name: for programs
 * @text: for people: what is done
 * @ours: what a channel takes for it, in instructions; NULL where the peer has a
 *	second way, which is compared with ours of the line above
 * @peer: what those take that are used without a channel; NULL: there are none
 * @peer_text: what they are
 */
struct work {
	const char *name;
	const char *text;
	double (*ours)(void);
	double (*peer)(void);
	const char *peer_text;
};

/* measure.c */
void clock_calibrate(void);
uint64_t clock_start(void);
double clock_since(uint64_t start);
double median(double *samples, size_t count);
double median_of(double (*once)(const void *), const void *what);
double least_of(double (*once)(const void *), const void *what);

/* setting.c */
struct setting {
	int channel;
	int worker;
	int epoll;
};

long checked(const char *what, long ret);
void check(const char *what, int good);
int checked_eventfd(void);
int epoll_of(int fd);
void setting_open(struct setting *setting, uint32_t nr_vrings, int flags);
void setting_open_with(struct setting *setting, struct vhost_backend_setup setup,
		       int flags);
void setting_close(struct setting *setting);
void raise_vring(const struct setting *setting, uint32_t vring);
double worker_time(const struct setting *setting, uint32_t call, uint32_t count);
double worker_time_alone(const struct setting *setting, uint32_t call, uint32_t count);

/* calls.c */
double read_empty(void);
double call_by_epoll(void);
double call_of_many_first(void);
double call_of_many_last(void);
double calls_by_one_read(void);
double raise_pending(void);
double raise_alone(void);

/* requests.c */
double requests_in_row(void);
double requests_with_file(void);
double request_to_reply(void);
double expiry_of_few(void);
double expiry_of_many(void);

/* signal.c */
double signal_pending_bound(void);
double signal_pending_peeked(void);
double signal_pending_hooked(void);
double signal_pending_plain(void);
double signal_alone_bound(void);
double signal_alone_peeked(void);
double signal_alone_hooked(void);
double signal_alone_plain(void);

/* eventfd.c */
double eventfd_read_empty(void);
double eventfd_by_epoll(void);
double eventfds_by_epoll(void);

/* socket.c */
double socket_message(void);
double socket_header_body(void);
double socket_with_file(void);
double socket_round_trip(void);

/* report.c */
void report(const struct work *works, size_t count);

#endif /* VHOST_BACKEND_BENCH_H */
