/* SPDX-License-Identifier: MIT */
/*
 * serve/config: the option ring is looked at when it is given, not when a worker makes its ring.
 *
 * What is in it is the business of io/ring_tuning, whose test says what is taken; here it is that each
 * origin is called as it was written, and that nothing is given in vain.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "serve/config.h"

static struct config config;
static struct fault fault;

static int before(void **state)
{
	(void)state;
	return config_init(&config);
}

static int after(void **state)
{
	(void)state;
	config_deinit(&config);
	return 0;
}

/* What a kernel lacks shows at start; what no kernel has is refused at once. */
static void switches_are_looked_at(void **state)
{
	(void)state;
	assert_int_equal(config_set(&config, "ring", "recv=single,direct=on", CONFIG_FLAG, &fault), 0);
	assert_int_equal(config_set(&config, "ring", "recvv=single", CONFIG_FLAG, &fault), -EINVAL);
	assert_string_equal(fault.text, "--ring: there is no switch recvv; did you mean recv?");
	assert_int_equal(config_set(&config, "ring", "recv=twice", CONFIG_FILE, &fault), -EINVAL);
	assert_string_equal(fault.text, "ring: recv takes single or multishot, not \"twice\"");
	assert_int_equal(config_set(&config, "ring", "recv=single,,", CONFIG_FLAG, &fault), -EINVAL);
	assert_string_equal(config.ring, "recv=single,direct=on");
	assert_int_equal(config_set(&config, "ring", "", CONFIG_FLAG, &fault), 0);
	assert_string_equal(config.ring, "");
	assert_int_equal(config_try("ring", "sqpoll=on", &fault), -EINVAL);
}

/* They are io_uring's: beside the other engine they would change nothing. */
static void switches_are_not_given_in_vain(void **state)
{
	struct problems problems = { 0 };

	(void)state;
	assert_int_equal(config_set(&config, "engine", "epoll", CONFIG_FLAG, &fault), 0);
	config_check(&config, &problems);
	assert_int_equal(problems.count, 0);
	assert_int_equal(config_set(&config, "ring", "wait=1", CONFIG_FLAG, &fault), 0);
	config_check(&config, &problems);
	assert_int_equal(problems.count, 1);
	assert_string_equal(problems.problem[0].text,
			    "--ring has no effect with --engine epoll; leave it out");
	problems_deinit(&problems);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(switches_are_looked_at, before, after),
		cmocka_unit_test_setup_teardown(switches_are_not_given_in_vain, before, after),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
