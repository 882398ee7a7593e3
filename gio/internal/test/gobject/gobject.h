#ifndef GLIBSERVE_TEST_GOBJECT_H
#define GLIBSERVE_TEST_GOBJECT_H

#include <stdint.h>

typedef struct test_counter test_counter;
typedef struct test_handler test_handler;

uintptr_t test_switch_new (void);
void test_unref (uintptr_t object);

void test_set_active (uintptr_t object, int active);
int test_get_active (uintptr_t object);
int test_add_loopback (uintptr_t listener);
void test_start (uintptr_t service);
void test_stop (uintptr_t service);
void test_toggle_on_thread (uintptr_t service, int stop, int start, int times);

uintptr_t test_bind_active (uintptr_t a, uintptr_t b);

test_counter *test_count_notify (uintptr_t object);
int test_counter_count (test_counter *counter);
int test_counter_last (test_counter *counter);
void test_counter_free (test_counter *counter);

test_handler *test_connect_incoming (uintptr_t service, int take);
int test_handler_calls (test_handler *handler);
void test_handler_free (test_handler *handler);

void test_count_logs (void);
int test_logs (void);

#endif
