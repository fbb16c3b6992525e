package handover

// MayAskForTest decides whether a process may have the listeners.
var MayAskForTest = mayAsk
