package awslinks

// paged asks for one page after the other, as long as there are more.
func paged(more func() bool, page func() error) error {
	for more() {
		if err := page(); err != nil {
			return err
		}
	}
	return nil
}
