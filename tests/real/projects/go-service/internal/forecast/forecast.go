// Package forecast knows tomorrow.
package forecast

// Of gives the forecast for a place.
func Of(place string) string {
	return "It will rain in " + place + "."
}
