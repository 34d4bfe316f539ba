echo healthy
