# A worker that works as long as nobody stops it.
while :; do sleep 1; done
