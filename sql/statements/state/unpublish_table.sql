-- Notes that current rows and history are to be made anew by their next publication; what they hold until then is from before.
update icefront.tables set current_anew = true, history_anew = true where pipeline = $1 and name = $2
