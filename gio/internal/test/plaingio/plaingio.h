#ifndef GLIBSERVE_PLAINGIO_H
#define GLIBSERVE_PLAINGIO_H

int plain_stop_loses (void);
int plain_start_before_add_accepts (void);
int plain_served_before_second (void);
int plain_threaded_goes_on (void);
int plain_stop_holds_at_max_threads (void);
int plain_set_backlog_notifies (void);
int plain_write_to_broken_pipe (void);

#endif
