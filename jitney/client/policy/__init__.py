"""When a call is tried again, and what of many goes next. Pure: a clock is asked, nothing waits."""
