-- The same tables and the same promises as the SQLite file beside this one, in PostgreSQL's own means.

CREATE TABLE audit_tree (
    generation INTEGER NOT NULL PRIMARY KEY,
    origin TEXT NOT NULL,
    vkey TEXT NOT NULL,
    first_entry_id TEXT REFERENCES audit_entry (id) DEFERRABLE INITIALLY DEFERRED,
    size BIGINT NOT NULL,
    root BYTEA NOT NULL,
    epoch BIGINT NOT NULL,
    published BIGINT NOT NULL,
    CONSTRAINT audit_tree_sizes CHECK (size >= 0 AND published BETWEEN 0 AND size AND octet_length(root) = 32)
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX audit_tree_origin ON audit_tree (origin);
CREATE UNIQUE INDEX audit_tree_first ON audit_tree (first_entry_id);

CREATE TABLE audit_leaf (
    generation INTEGER NOT NULL,
    leaf_index BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (generation, leaf_index)
);
CREATE UNIQUE INDEX audit_leaf_seq ON audit_leaf (generation, seq);

CREATE TABLE audit_sequenced (
    generation INTEGER NOT NULL,
    stream TEXT NOT NULL,
    aseq BIGINT NOT NULL,
    hash BYTEA NOT NULL,
    PRIMARY KEY (generation, stream)
) WITH (fillfactor = 50);

CREATE TABLE audit_tile (
    generation INTEGER NOT NULL,
    level INTEGER NOT NULL,
    number BIGINT NOT NULL,
    hashes BYTEA NOT NULL,
    PRIMARY KEY (generation, level, number),
    CONSTRAINT audit_tile_size CHECK (octet_length(hashes) BETWEEN 32 AND 8192 AND octet_length(hashes) % 32 = 0)
);
-- Hashes do not compress: trying costs time at every growth of a tile.
ALTER TABLE audit_tile ALTER COLUMN hashes SET STORAGE EXTERNAL;

CREATE TABLE audit_checkpoint (
    generation INTEGER NOT NULL,
    size BIGINT NOT NULL,
    root BYTEA NOT NULL,
    note TEXT NOT NULL,
    signed_at BIGINT NOT NULL,
    PRIMARY KEY (generation, size)
);

CREATE TABLE audit_cosignature (
    generation INTEGER NOT NULL,
    size BIGINT NOT NULL,
    witness TEXT NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (generation, size, witness)
);

CREATE FUNCTION audit_tree_forward() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.size = 0 AND NEW.published = 0 AND (NEW.generation > 1) = (NEW.first_entry_id IS NOT NULL)
           AND NEW.generation = (SELECT coalesce(max(generation), 0) + 1 FROM audit_tree) THEN
            RETURN NEW;
        END IF;
    ELSIF NEW.generation = OLD.generation AND NEW.origin = OLD.origin AND NEW.vkey = OLD.vkey
          AND NEW.first_entry_id IS NOT DISTINCT FROM OLD.first_entry_id
          AND NEW.size >= OLD.size AND NEW.epoch >= OLD.epoch AND NEW.published >= OLD.published
          AND (NEW.size > OLD.size OR NEW.root = OLD.root)
          AND (NEW.published = OLD.published OR EXISTS (
            SELECT 1 FROM audit_checkpoint WHERE generation = NEW.generation AND size = NEW.published
          ))
          AND NOT EXISTS (SELECT 1 FROM audit_tree WHERE generation > OLD.generation) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'audit_tree_append_only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER audit_tree_forward BEFORE INSERT OR UPDATE ON audit_tree
    FOR EACH ROW EXECUTE FUNCTION audit_tree_forward();
CREATE TRIGGER audit_tree_no_delete BEFORE DELETE ON audit_tree
    FOR EACH ROW EXECUTE FUNCTION audit_refuse('audit_tree');
CREATE TRIGGER audit_tree_no_truncate BEFORE TRUNCATE ON audit_tree
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('audit_tree');

-- Once a statement, not a row: a notary places thousands at a time. The plan is made while the table is empty and kept
-- while it grows, so it must not be one that reads all of it.
CREATE FUNCTION audit_leaf_next() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM (
            SELECT generation, min(leaf_index) AS first, max(leaf_index) AS last, count(*) AS number
            FROM added GROUP BY generation
        ) AS placed
        WHERE placed.first < 0 OR placed.last - placed.first + 1 <> placed.number
           OR (placed.first > 0 AND NOT EXISTS (
                SELECT 1 FROM audit_leaf WHERE generation = placed.generation AND leaf_index = placed.first - 1
           ))
    ) THEN
        RAISE EXCEPTION 'audit_leaf_append_only' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER audit_leaf_next AFTER INSERT ON audit_leaf REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION audit_leaf_next();
CREATE TRIGGER audit_leaf_no_change BEFORE UPDATE OR DELETE ON audit_leaf
    FOR EACH ROW EXECUTE FUNCTION audit_refuse('audit_leaf');
CREATE TRIGGER audit_leaf_no_truncate BEFORE TRUNCATE ON audit_leaf
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('audit_leaf');

CREATE FUNCTION audit_sequenced_forward() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.generation = OLD.generation AND NEW.stream = OLD.stream AND NEW.aseq > OLD.aseq THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'audit_sequenced_append_only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER audit_sequenced_forward BEFORE UPDATE ON audit_sequenced
    FOR EACH ROW EXECUTE FUNCTION audit_sequenced_forward();
CREATE TRIGGER audit_sequenced_no_delete BEFORE DELETE ON audit_sequenced
    FOR EACH ROW EXECUTE FUNCTION audit_refuse('audit_sequenced');
CREATE TRIGGER audit_sequenced_no_truncate BEFORE TRUNCATE ON audit_sequenced
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('audit_sequenced');

CREATE FUNCTION audit_tile_forward() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    -- A tile only grows at its end, so that what was served of it stays true.
    IF NEW.generation = OLD.generation AND NEW.level = OLD.level AND NEW.number = OLD.number
       AND octet_length(NEW.hashes) > octet_length(OLD.hashes)
       AND substring(NEW.hashes FOR octet_length(OLD.hashes)) = OLD.hashes THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'audit_tile_append_only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER audit_tile_forward BEFORE UPDATE ON audit_tile FOR EACH ROW EXECUTE FUNCTION audit_tile_forward();
CREATE TRIGGER audit_tile_no_delete BEFORE DELETE ON audit_tile
    FOR EACH ROW EXECUTE FUNCTION audit_refuse('audit_tile');
CREATE TRIGGER audit_tile_no_truncate BEFORE TRUNCATE ON audit_tile
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('audit_tile');

CREATE FUNCTION audit_checkpoint_new() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM audit_checkpoint WHERE generation = NEW.generation AND size >= NEW.size) THEN
        RAISE EXCEPTION 'audit_checkpoint_append_only' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    -- What is signed is the tree as its row says, and every leaf of it is there.
    IF EXISTS (
        SELECT 1 FROM audit_tree WHERE generation = NEW.generation AND size = NEW.size AND root = NEW.root
    ) AND (SELECT max(leaf_index) + 1 FROM audit_leaf WHERE generation = NEW.generation) = NEW.size THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'audit_checkpoint_of_tree' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER audit_checkpoint_new BEFORE INSERT ON audit_checkpoint
    FOR EACH ROW EXECUTE FUNCTION audit_checkpoint_new();
CREATE TRIGGER audit_checkpoint_no_change BEFORE UPDATE OR DELETE ON audit_checkpoint
    FOR EACH ROW EXECUTE FUNCTION audit_refuse('audit_checkpoint');
CREATE TRIGGER audit_checkpoint_no_truncate BEFORE TRUNCATE ON audit_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('audit_checkpoint');

CREATE FUNCTION audit_cosignature_new() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM audit_checkpoint WHERE generation = NEW.generation AND size = NEW.size) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'audit_cosignature_append_only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER audit_cosignature_new BEFORE INSERT ON audit_cosignature
    FOR EACH ROW EXECUTE FUNCTION audit_cosignature_new();
CREATE TRIGGER audit_cosignature_no_change BEFORE UPDATE OR DELETE ON audit_cosignature
    FOR EACH ROW EXECUTE FUNCTION audit_refuse('audit_cosignature');
CREATE TRIGGER audit_cosignature_no_truncate BEFORE TRUNCATE ON audit_cosignature
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse('audit_cosignature');

DO $$
DECLARE
    guard RECORD;
BEGIN
    FOR guard IN
        SELECT c.relname, t.tgname FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
        WHERE NOT t.tgisinternal AND c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
          AND c.relname IN (
            'audit_tree', 'audit_leaf', 'audit_sequenced', 'audit_tile', 'audit_checkpoint', 'audit_cosignature'
          )
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', guard.relname, guard.tgname);
    END LOOP;
END $$;

-- As before, but for the lock: who waited for another to make the partition did not see it, because no advisory lock
-- makes a session look at the catalog again, and the first entries of a month failed with "already exists".
CREATE OR REPLACE FUNCTION audit_ensure_month(wanted INTEGER) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    part TEXT := 'audit_body_' || wanted;
    following INTEGER := CASE WHEN wanted % 100 = 12 THEN wanted + 89 ELSE wanted + 1 END;
BEGIN
    -- Making a partition takes this lock in any case.
    LOCK TABLE audit_body IN ACCESS EXCLUSIVE MODE;
    IF to_regclass(part) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I PARTITION OF audit_body FOR VALUES FROM (%s) TO (%s)', part, wanted, following);
    EXECUTE format(
        'CREATE TRIGGER audit_body_no_truncate BEFORE TRUNCATE ON %I '
        'FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse(''audit_body'')', part
    );
    EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER audit_body_no_truncate', part);
END $$;
