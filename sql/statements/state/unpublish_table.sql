-- Notes that current rows and history are to be made anew by their next publication.
update icefront.tables set current_batch = 0, history_batch = 0 where pipeline = $1 and name = $2
