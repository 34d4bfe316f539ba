-- CreateTable
CREATE TABLE "Category" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "slug" TEXT NOT NULL,
    "description" TEXT,
    "image" TEXT,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "Category_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Listing" (
    "id" TEXT NOT NULL,
    "entity_name" TEXT NOT NULL,
    "slug" TEXT NOT NULL,
    "entityType" TEXT NOT NULL,
    "summary" TEXT,
    "attributes" TEXT,
    "discovered_attributes" TEXT,
    "street_address" TEXT,
    "city" TEXT,
    "postcode" TEXT,
    "country" TEXT,
    "latitude" DOUBLE PRECISION,
    "longitude" DOUBLE PRECISION,
    "phone" TEXT,
    "email" TEXT,
    "website_url" TEXT,
    "instagram_url" TEXT,
    "facebook_url" TEXT,
    "twitter_url" TEXT,
    "linkedin_url" TEXT,
    "mainImage" TEXT,
    "opening_hours" TEXT,
    "source_info" TEXT,
    "field_confidence" TEXT,
    "external_ids" TEXT,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "Listing_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ListingRelationship" (
    "id" TEXT NOT NULL,
    "sourceListingId" TEXT NOT NULL,
    "targetListingId" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "confidence" DOUBLE PRECISION,
    "source" TEXT NOT NULL,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "ListingRelationship_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "RawIngestion" (
    "id" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "source_url" TEXT NOT NULL,
    "file_path" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "ingested_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "hash" TEXT NOT NULL,
    "metadata_json" TEXT,

    CONSTRAINT "RawIngestion_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ExtractedListing" (
    "id" TEXT NOT NULL,
    "raw_ingestion_id" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "entity_type" TEXT NOT NULL,
    "attributes" TEXT,
    "discovered_attributes" TEXT,
    "external_ids" TEXT,
    "extraction_hash" TEXT,
    "model_used" TEXT,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "ExtractedListing_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "FailedExtraction" (
    "id" TEXT NOT NULL,
    "raw_ingestion_id" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "error_message" TEXT NOT NULL,
    "error_details" TEXT,
    "retry_count" INTEGER NOT NULL DEFAULT 0,
    "last_attempt_at" TIMESTAMP(3),
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "FailedExtraction_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "MergeConflict" (
    "id" TEXT NOT NULL,
    "field_name" TEXT NOT NULL,
    "conflicting_values" TEXT NOT NULL,
    "winner_source" TEXT NOT NULL,
    "winner_value" TEXT NOT NULL,
    "trust_difference" INTEGER NOT NULL,
    "severity" DOUBLE PRECISION NOT NULL,
    "listing_id" TEXT,
    "resolved" BOOLEAN NOT NULL DEFAULT false,
    "resolution_notes" TEXT,
    "createdAt" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "MergeConflict_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "_CategoryToListing" (
    "A" TEXT NOT NULL,
    "B" TEXT NOT NULL,

    CONSTRAINT "_CategoryToListing_AB_pkey" PRIMARY KEY ("A","B")
);

-- CreateIndex
CREATE UNIQUE INDEX "Category_name_key" ON "Category"("name");

-- CreateIndex
CREATE UNIQUE INDEX "Category_slug_key" ON "Category"("slug");

-- CreateIndex
CREATE UNIQUE INDEX "Listing_slug_key" ON "Listing"("slug");

-- CreateIndex
CREATE INDEX "Listing_entityType_idx" ON "Listing"("entityType");

-- CreateIndex
CREATE INDEX "Listing_city_idx" ON "Listing"("city");

-- CreateIndex
CREATE INDEX "Listing_postcode_idx" ON "Listing"("postcode");

-- CreateIndex
CREATE INDEX "Listing_latitude_longitude_idx" ON "Listing"("latitude", "longitude");

-- CreateIndex
CREATE INDEX "Listing_createdAt_idx" ON "Listing"("createdAt");

-- CreateIndex
CREATE INDEX "Listing_updatedAt_idx" ON "Listing"("updatedAt");

-- CreateIndex
CREATE INDEX "ListingRelationship_sourceListingId_idx" ON "ListingRelationship"("sourceListingId");

-- CreateIndex
CREATE INDEX "ListingRelationship_targetListingId_idx" ON "ListingRelationship"("targetListingId");

-- CreateIndex
CREATE INDEX "ListingRelationship_type_idx" ON "ListingRelationship"("type");

-- CreateIndex
CREATE INDEX "RawIngestion_source_idx" ON "RawIngestion"("source");

-- CreateIndex
CREATE INDEX "RawIngestion_status_idx" ON "RawIngestion"("status");

-- CreateIndex
CREATE INDEX "RawIngestion_hash_idx" ON "RawIngestion"("hash");

-- CreateIndex
CREATE INDEX "RawIngestion_ingested_at_idx" ON "RawIngestion"("ingested_at");

-- CreateIndex
CREATE INDEX "RawIngestion_source_status_idx" ON "RawIngestion"("source", "status");

-- CreateIndex
CREATE INDEX "RawIngestion_status_ingested_at_idx" ON "RawIngestion"("status", "ingested_at");

-- CreateIndex
CREATE INDEX "ExtractedListing_raw_ingestion_id_idx" ON "ExtractedListing"("raw_ingestion_id");

-- CreateIndex
CREATE INDEX "ExtractedListing_source_idx" ON "ExtractedListing"("source");

-- CreateIndex
CREATE INDEX "ExtractedListing_entity_type_idx" ON "ExtractedListing"("entity_type");

-- CreateIndex
CREATE INDEX "ExtractedListing_extraction_hash_idx" ON "ExtractedListing"("extraction_hash");

-- CreateIndex
CREATE INDEX "ExtractedListing_source_entity_type_idx" ON "ExtractedListing"("source", "entity_type");

-- CreateIndex
CREATE INDEX "ExtractedListing_createdAt_idx" ON "ExtractedListing"("createdAt");

-- CreateIndex
CREATE INDEX "FailedExtraction_raw_ingestion_id_idx" ON "FailedExtraction"("raw_ingestion_id");

-- CreateIndex
CREATE INDEX "FailedExtraction_source_idx" ON "FailedExtraction"("source");

-- CreateIndex
CREATE INDEX "FailedExtraction_retry_count_idx" ON "FailedExtraction"("retry_count");

-- CreateIndex
CREATE INDEX "FailedExtraction_last_attempt_at_idx" ON "FailedExtraction"("last_attempt_at");

-- CreateIndex
CREATE INDEX "FailedExtraction_retry_count_last_attempt_at_idx" ON "FailedExtraction"("retry_count", "last_attempt_at");

-- CreateIndex
CREATE INDEX "MergeConflict_field_name_idx" ON "MergeConflict"("field_name");

-- CreateIndex
CREATE INDEX "MergeConflict_winner_source_idx" ON "MergeConflict"("winner_source");

-- CreateIndex
CREATE INDEX "MergeConflict_severity_idx" ON "MergeConflict"("severity");

-- CreateIndex
CREATE INDEX "MergeConflict_resolved_idx" ON "MergeConflict"("resolved");

-- CreateIndex
CREATE INDEX "MergeConflict_listing_id_idx" ON "MergeConflict"("listing_id");

-- CreateIndex
CREATE INDEX "_CategoryToListing_B_index" ON "_CategoryToListing"("B");

-- AddForeignKey
ALTER TABLE "ListingRelationship" ADD CONSTRAINT "ListingRelationship_sourceListingId_fkey" FOREIGN KEY ("sourceListingId") REFERENCES "Listing"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ListingRelationship" ADD CONSTRAINT "ListingRelationship_targetListingId_fkey" FOREIGN KEY ("targetListingId") REFERENCES "Listing"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ExtractedListing" ADD CONSTRAINT "ExtractedListing_raw_ingestion_id_fkey" FOREIGN KEY ("raw_ingestion_id") REFERENCES "RawIngestion"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "FailedExtraction" ADD CONSTRAINT "FailedExtraction_raw_ingestion_id_fkey" FOREIGN KEY ("raw_ingestion_id") REFERENCES "RawIngestion"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "_CategoryToListing" ADD CONSTRAINT "_CategoryToListing_A_fkey" FOREIGN KEY ("A") REFERENCES "Category"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "_CategoryToListing" ADD CONSTRAINT "_CategoryToListing_B_fkey" FOREIGN KEY ("B") REFERENCES "Listing"("id") ON DELETE CASCADE ON UPDATE CASCADE;
