package pipeline

import (
	"context"
	"errors"
	"fmt"

	"github.com/onlooker-ueba/onlooker/store"
	"github.com/onlooker-ueba/onlooker/ueba"
)

// IsPlace reports whether the document is the pipeline's place in the change feed. Its
// cursor means something only in the store that it stands in.
func IsPlace(d store.Doc) bool { return d.Kind == KindCursor && d.ID == cursorID }

// Place reads how far the pipeline has followed the feed; false when it never ran.
func Place(ctx context.Context, docs store.Docs) (at store.Cursor, ok bool, err error) {
	c, ok, err := readPlace(ctx, docs)
	return c.Cursor, ok, err
}

func readPlace(ctx context.Context, docs store.Docs) (c cursorDoc, ok bool, err error) {
	doc, err := docs.Get(ctx, KindCursor, cursorID)
	if errors.Is(err, store.ErrNotFound) {
		return c, false, nil
	}
	if err == nil {
		err = c.decode(doc.Body)
	}
	if err != nil {
		return c, false, fmt.Errorf("read the pipeline's cursor: %w", err)
	}
	return c, true, nil
}

// MovePlace writes what stands in one store of the pipeline's place to another, where the
// same place in the feed is at. No pipeline may run on either.
func MovePlace(ctx context.Context, from, to store.Docs, at store.Cursor) error {
	c, ok, err := readPlace(ctx, from)
	if err != nil || !ok {
		return err
	}
	c.Cursor = at
	if err := to.Put(ctx, store.Doc{Kind: KindCursor, ID: cursorID, Day: ueba.NoDay, Body: c.encode()}); err != nil {
		return fmt.Errorf("save the pipeline's cursor: %w", err)
	}
	return nil
}
