-- Ends the snapshot that a batch was read in.
commit
