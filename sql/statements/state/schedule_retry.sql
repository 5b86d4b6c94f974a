-- Notes that an attempt of a run failed by a fault that passes: it was not lost.
update icefront.runs set lost = 0 where id = $1 and attempt = $2
