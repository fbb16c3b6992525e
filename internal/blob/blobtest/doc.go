// Package blobtest is the conformance suite of [blob.Store]: what the contract in package blob says, as tests. Every
// implementation and every wrapper runs it, so that features may trust the contract and not an implementation.
//
// The suite needs nothing but an empty store. It takes seconds; with HOLDFAST_SOAK set, the big blob grows from 64 MB
// to more than 5 GB (S0-30) and the races run longer.
package blobtest
