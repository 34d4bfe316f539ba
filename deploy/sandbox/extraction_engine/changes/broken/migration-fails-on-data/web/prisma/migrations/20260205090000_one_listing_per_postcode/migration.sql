-- CreateIndex
CREATE UNIQUE INDEX "Listing_postcode_key" ON "Listing"("postcode");
