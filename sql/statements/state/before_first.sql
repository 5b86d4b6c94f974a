-- Tells the last batch that landed before the state knows of the pipeline's batches: what has it is of a state that was lost.
select coalesce(min(id), 1) - 1 from icefront.batches where pipeline = $1
