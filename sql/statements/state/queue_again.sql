-- Queues a run again that failed or was cancelled; its next attempt goes on where the last one ended.
update icefront.runs set state = 'queued', finished_at = null, error = null, counts = '{}', lost = 0, cancel_requested_at = null
where id = $1 and state in ('failed', 'cancelled')
