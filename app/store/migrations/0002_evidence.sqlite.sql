-- The Merkle tree over the log, and the checkpoints that were signed for it. A generation is one log with its origin;
-- a new one begins only where a restored database can no longer continue what was signed.

CREATE TABLE audit_tree (
    generation INTEGER NOT NULL PRIMARY KEY,
    origin TEXT NOT NULL,
    vkey TEXT NOT NULL,
    -- The entry that a later generation begins with, which says why.
    first_entry_id TEXT REFERENCES audit_entry (id) DEFERRABLE INITIALLY DEFERRED,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    -- Grows with every change of notary, so that one that slept signs nothing more.
    epoch INTEGER NOT NULL,
    -- The size of the newest checkpoint that may be served: it is committed, and kept outside the database.
    published INTEGER NOT NULL,
    CONSTRAINT audit_tree_sizes CHECK (size >= 0 AND published BETWEEN 0 AND size AND length(root) = 32)
);
CREATE UNIQUE INDEX audit_tree_origin ON audit_tree (origin);
CREATE UNIQUE INDEX audit_tree_first ON audit_tree (first_entry_id);

-- Which entry each leaf stands for.
CREATE TABLE audit_leaf (
    generation INTEGER NOT NULL,
    leaf_index INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (generation, leaf_index)
) WITHOUT ROWID;
CREATE UNIQUE INDEX audit_leaf_seq ON audit_leaf (generation, seq);

-- How far each stream is in the tree. Entries of a stream are numbered without gaps, so nothing can be overlooked.
CREATE TABLE audit_sequenced (
    generation INTEGER NOT NULL,
    stream TEXT NOT NULL,
    aseq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (generation, stream)
) WITHOUT ROWID;

CREATE TABLE audit_tile (
    generation INTEGER NOT NULL,
    level INTEGER NOT NULL,
    number INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    PRIMARY KEY (generation, level, number),
    CONSTRAINT audit_tile_size CHECK (length(hashes) BETWEEN 32 AND 8192 AND length(hashes) % 32 = 0)
);

CREATE TABLE audit_checkpoint (
    generation INTEGER NOT NULL,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    note TEXT NOT NULL,
    signed_at INTEGER NOT NULL,
    PRIMARY KEY (generation, size)
) WITHOUT ROWID;

CREATE TABLE audit_cosignature (
    generation INTEGER NOT NULL,
    size INTEGER NOT NULL,
    witness TEXT NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (generation, size, witness)
) WITHOUT ROWID;

-- INSERT OR REPLACE walks past the UPDATE and DELETE triggers, so an existing key is refused before it can.
CREATE TRIGGER audit_tree_new BEFORE INSERT ON audit_tree BEGIN
    SELECT RAISE(ABORT, 'audit_tree_append_only')
    WHERE NEW.size <> 0 OR NEW.published <> 0
       OR NEW.generation <> (SELECT coalesce(max(generation), 0) + 1 FROM audit_tree)
       OR (NEW.generation > 1) <> (NEW.first_entry_id IS NOT NULL)
       OR EXISTS (SELECT 1 FROM audit_tree WHERE origin = NEW.origin);
END;
CREATE TRIGGER audit_tree_forward BEFORE UPDATE ON audit_tree BEGIN
    SELECT RAISE(ABORT, 'audit_tree_append_only')
    WHERE NEW.generation <> OLD.generation OR NEW.origin <> OLD.origin OR NEW.vkey <> OLD.vkey
       OR NEW.first_entry_id IS NOT OLD.first_entry_id
       OR NEW.size < OLD.size OR NEW.epoch < OLD.epoch OR NEW.published < OLD.published
       OR (NEW.size = OLD.size AND NEW.root <> OLD.root)
       OR (NEW.published > OLD.published AND NOT EXISTS (
            SELECT 1 FROM audit_checkpoint WHERE generation = NEW.generation AND size = NEW.published
       ))
       OR EXISTS (SELECT 1 FROM audit_tree WHERE generation > OLD.generation);
END;
CREATE TRIGGER audit_tree_no_delete BEFORE DELETE ON audit_tree BEGIN
    SELECT RAISE(ABORT, 'audit_tree_append_only');
END;

CREATE TRIGGER audit_leaf_new BEFORE INSERT ON audit_leaf BEGIN
    SELECT RAISE(ABORT, 'audit_leaf_append_only')
    WHERE EXISTS (SELECT 1 FROM audit_leaf WHERE generation = NEW.generation AND leaf_index = NEW.leaf_index)
       OR EXISTS (SELECT 1 FROM audit_leaf WHERE generation = NEW.generation AND seq = NEW.seq)
       OR (NEW.leaf_index <> 0 AND NOT EXISTS (
            SELECT 1 FROM audit_leaf WHERE generation = NEW.generation AND leaf_index = NEW.leaf_index - 1
       ));
END;
CREATE TRIGGER audit_leaf_no_update BEFORE UPDATE ON audit_leaf BEGIN
    SELECT RAISE(ABORT, 'audit_leaf_append_only');
END;
CREATE TRIGGER audit_leaf_no_delete BEFORE DELETE ON audit_leaf BEGIN
    SELECT RAISE(ABORT, 'audit_leaf_append_only');
END;

CREATE TRIGGER audit_sequenced_new BEFORE INSERT ON audit_sequenced BEGIN
    SELECT RAISE(ABORT, 'audit_sequenced_append_only')
    WHERE EXISTS (
        SELECT 1 FROM audit_sequenced
        WHERE generation = NEW.generation AND stream = NEW.stream AND aseq >= NEW.aseq
    );
END;
CREATE TRIGGER audit_sequenced_forward BEFORE UPDATE ON audit_sequenced BEGIN
    SELECT RAISE(ABORT, 'audit_sequenced_append_only')
    WHERE NEW.generation <> OLD.generation OR NEW.stream <> OLD.stream OR NEW.aseq <= OLD.aseq;
END;
CREATE TRIGGER audit_sequenced_no_delete BEFORE DELETE ON audit_sequenced BEGIN
    SELECT RAISE(ABORT, 'audit_sequenced_append_only');
END;

-- A tile only grows at its end, so that what was served of it stays true.
CREATE TRIGGER audit_tile_new BEFORE INSERT ON audit_tile BEGIN
    SELECT RAISE(ABORT, 'audit_tile_append_only')
    WHERE EXISTS (
        SELECT 1 FROM audit_tile WHERE generation = NEW.generation AND level = NEW.level AND number = NEW.number
    ) OR EXISTS (SELECT 1 FROM audit_tile WHERE rowid = NEW.rowid);
END;
CREATE TRIGGER audit_tile_forward BEFORE UPDATE ON audit_tile BEGIN
    SELECT RAISE(ABORT, 'audit_tile_append_only')
    WHERE NEW.generation <> OLD.generation OR NEW.level <> OLD.level OR NEW.number <> OLD.number
       OR NEW.rowid <> OLD.rowid OR length(NEW.hashes) <= length(OLD.hashes)
       OR substr(NEW.hashes, 1, length(OLD.hashes)) <> OLD.hashes;
END;
CREATE TRIGGER audit_tile_no_delete BEFORE DELETE ON audit_tile BEGIN
    SELECT RAISE(ABORT, 'audit_tile_append_only');
END;

-- What is signed is the tree as its row says, and every leaf of it is there.
CREATE TRIGGER audit_checkpoint_new BEFORE INSERT ON audit_checkpoint BEGIN
    SELECT RAISE(ABORT, 'audit_checkpoint_append_only')
    WHERE EXISTS (SELECT 1 FROM audit_checkpoint WHERE generation = NEW.generation AND size >= NEW.size);
    SELECT RAISE(ABORT, 'audit_checkpoint_of_tree')
    WHERE NOT EXISTS (
        SELECT 1 FROM audit_tree WHERE generation = NEW.generation AND size = NEW.size AND root = NEW.root
    ) OR (SELECT max(leaf_index) + 1 FROM audit_leaf WHERE generation = NEW.generation) IS NOT NEW.size;
END;
CREATE TRIGGER audit_checkpoint_no_update BEFORE UPDATE ON audit_checkpoint BEGIN
    SELECT RAISE(ABORT, 'audit_checkpoint_append_only');
END;
CREATE TRIGGER audit_checkpoint_no_delete BEFORE DELETE ON audit_checkpoint BEGIN
    SELECT RAISE(ABORT, 'audit_checkpoint_append_only');
END;

CREATE TRIGGER audit_cosignature_new BEFORE INSERT ON audit_cosignature BEGIN
    SELECT RAISE(ABORT, 'audit_cosignature_append_only')
    WHERE EXISTS (
        SELECT 1 FROM audit_cosignature
        WHERE generation = NEW.generation AND size = NEW.size AND witness = NEW.witness
    ) OR NOT EXISTS (SELECT 1 FROM audit_checkpoint WHERE generation = NEW.generation AND size = NEW.size);
END;
CREATE TRIGGER audit_cosignature_no_update BEFORE UPDATE ON audit_cosignature BEGIN
    SELECT RAISE(ABORT, 'audit_cosignature_append_only');
END;
CREATE TRIGGER audit_cosignature_no_delete BEFORE DELETE ON audit_cosignature BEGIN
    SELECT RAISE(ABORT, 'audit_cosignature_append_only');
END;
